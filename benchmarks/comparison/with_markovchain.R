# What R's markovchain does with the data of the comparison.
#
#     Rscript benchmarks/comparison/with_markovchain.R
#
# Coverages are over `runs` simulated chains where nothing else is said, rejection rates over half as
# many; the Monte Carlo error of a rate p is sqrt(p (1 - p) / number). It takes a few minutes. What is right is computed here, by the formula that is named.

suppressMessages(library(markovchain))
options(digits = 5, warn = -1)
runs <- 2000
package <- paste("markovchain", packageVersion("markovchain"))

say <- function(ran, came, right = NULL) {
  one <- function(x) paste(if (is.numeric(x)) signif(as.vector(x), 6) else x, collapse = " ")
  line <- paste(package, ran, one(came), sep = " | ")
  cat(line, if (!is.null(right)) paste(" | right:", one(right)), "\n", sep = "")
}

attempt <- function(task) {
  tryCatch({ force(task); "no error" },
    error = function(e) paste("error:", gsub("\\s+", " ", conditionMessage(e))))
}

folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
lines <- strsplit(readLines(pipe(paste("python3", file.path(folder, "same_data.py")))), " ")
cases <- setNames(lapply(lines, `[`, -1), sapply(lines, `[`, 1))
numbers <- function(name) match(cases[[name]], c("a", "b", "c"))

# Closed forms -----------------------------------------------------------------------------------

likelihood_ratio <- function(observed, expected) {
  seen <- observed > 0
  2 * sum(observed[seen] * log(observed[seen] / expected[seen]))
}

# Tables (rows: what is compared; columns: the next state), one for each state that is left.
same_rows <- function(tables) {
  statistic <- df <- 0
  for (table in tables) {
    table <- table[rowSums(table) > 0, colSums(table) > 0, drop = FALSE]
    expected <- outer(rowSums(table), colSums(table)) / sum(table)
    statistic <- statistic + likelihood_ratio(table, expected)
    df <- df + (nrow(table) - 1) * (ncol(table) - 1)
  }
  list(statistic = statistic, df = df, p = pchisq(statistic, df, lower.tail = FALSE))
}

order_two <- function(z) {
  n <- length(z)
  triples <- table(z[1:(n - 2)], z[2:(n - 1)], z[3:n])
  same_rows(lapply(dimnames(triples)[[2]], function(j) triples[, j, ]))
}

two_counts <- function(first, second) {
  same_rows(lapply(rownames(first), function(i) rbind(first[i, ], second[i, ])))
}

# Point estimates --------------------------------------------------------------------------------

fit <- markovchainFit(cases$drawn)
counts <- createSequenceMatrix(cases$drawn)
ratio <- counts / rowSums(counts)
say("largest difference from the count ratio", max(abs(fit$estimate@transitionMatrix - ratio)))
logs <- sum(counts * log(ratio))
say("log-likelihood of the estimate", fit$logLikelihood, logs)

never <- markovchainFit(cases$never_left)
say("row never left", never$estimate@transitionMatrix["c", ], "undefined")
filled <- markovchainFit(cases$never_left, sanitize = TRUE)$estimate@transitionMatrix["c", ]
say("row never left, sanitize = TRUE", filled)
came <- c(never$standardError["c", "a"], never$lowerEndpointMatrix["c", "a"])
say("row never left: standard error, interval", c(came, never$upperEndpointMatrix["c", "a"]))
map <- markovchainFit(cases$never_left, method = "map")
say("row never left, method = map", map$estimate@transitionMatrix["c", ], "every point is a mode")
say("row never left, expectedValue", map$expectedValue["c", ], rep(1 / 3, 3))
mean <- (counts + 1) / rowSums(counts + 1)
came <- max(abs(markovchainFit(cases$drawn, method = "map")$expectedValue - mean))
say("expectedValue, largest difference from the posterior mean", came)
half <- matrix(0.5, 3, 3, dimnames = dimnames(counts))
say("method = map, alpha = 1/2",
    attempt(markovchainFit(cases$drawn, method = "map", hyperparam = half)))

# Several sequences, missing values ---------------------------------------------------------------

two <- list(cases$never_left, cases$second)
say("two sequences, row of c", markovchainFit(two)$estimate@transitionMatrix["c", ], c(1, 0, 0))
for (method in c("laplace", "bootstrap", "map"))
  say(paste("two sequences, method =", method), attempt(markovchainFit(two, method = method)))
gap <- createSequenceMatrix(c("a", NA, "b", "a", "b", "a"))
say("counts of a NA b a b a: aa ab, ba bb", t(gap), c(0, 1, 2, 0))
label <- createSequenceMatrix(c("a", "NA", "b", "a", "b", "a"))
say("the same with a state named NA, number of states", nrow(label), 3)

# Standard errors and intervals -------------------------------------------------------------------

P <- matrix(c(0.9, 0.1, 0.4, 0.6), 2, byrow = TRUE, dimnames = list(c("a", "b"), c("a", "b")))
chain <- new("markovchain", transitionMatrix = P)
draw <- function(length) rmarkovchain(length, chain, t0 = "a")
set.seed(1)
z <- draw(500)
fit <- markovchainFit(z)
n <- rowSums(createSequenceMatrix(z))
p <- fit$estimate@transitionMatrix
say("standard errors of aa, ab, ba, bb", t(fit$standardError), t(sqrt(p * (1 - p) / n)))
boot <- markovchainFit(z, method = "bootstrap", nboot = 200)
say("the same by 200 bootstrap samples", t(boot$standardError), t(sqrt(p * (1 - p) / n)))

covered <- function(low, high) as.vector(t(low <= P & P <= high))
wilson <- function(z) {
  n <- rowSums(createSequenceMatrix(z))
  p <- createSequenceMatrix(z) / n
  q <- qnorm(0.975)^2
  middle <- (p + q / (2 * n)) / (1 + q / n)
  half <- sqrt(q) * sqrt(p * (1 - p) / n + q / (4 * n^2)) / (1 + q / n)
  covered(middle - half, middle + half)
}
mle <- function(z) {
  fit <- markovchainFit(z)
  covered(fit$lowerEndpointMatrix, fit$upperEndpointMatrix)
}
wald <- function(z) {
  n <- rowSums(createSequenceMatrix(z))
  p <- createSequenceMatrix(z) / n
  half <- qnorm(0.975) * sqrt(p * (1 - p) / n)
  covered(p - half, p + half)
}
bootstrap <- function(nboot) function(z) {
  found <- markovchainFit(z, method = "bootstrap", nboot = nboot)$confidenceInterval
  covered(found$lowerEndpointMatrix, found$upperEndpointMatrix)
}
paths <- replicate(runs, draw(500), simplify = FALSE)
coverage <- function(interval, number = runs) rowMeans(sapply(paths[1:number], interval))
say("coverage of its 95 % intervals (aa ab ba bb), T = 500", coverage(mle), "0.95")
say("Wald's with sqrt(p (1 - p) / n_i), for comparison", coverage(wald), "0.95")
say("Wilson's, for comparison", coverage(wilson), "0.95")
say("coverage of its bootstrap, nboot = 10 (the default), 500 runs", coverage(bootstrap(10), 500),
    "0.95")
say("coverage of its bootstrap, nboot = 100, 100 runs", coverage(bootstrap(100), 100), "0.95")

# Tests -------------------------------------------------------------------------------------------

probabilities <- matrix(c(.6, .2, .2, 1 / 6, .5, 1 / 3, .375, .125, .5), 3, byrow = TRUE,
                        dimnames = list(1:3, 1:3))
given <- new("markovchain", transitionMatrix = probabilities)
found <- verifyEmpiricalToTheoretical(numbers("exact"), given, verbose = FALSE)
say("fit of a given matrix, data match it exactly", found$statistic, 0)
say("fit of a given matrix, data as text",
    attempt(verifyEmpiricalToTheoretical(cases$exact, given, verbose = FALSE)))
found <- verifyHomogeneity(list(cases$exact, cases$other), verbose = FALSE)
right <- two_counts(createSequenceMatrix(cases$exact), createSequenceMatrix(cases$other))
say("two sequences: statistic, df", c(found$statistic, found$dof), c(right$statistic, right$df))
found <- assessStationarity(cases$changed, 2, verbose = FALSE)
say("two halves with other laws: statistic, p", unlist(found), c(right$statistic, right$p))
found <- verifyMarkovProperty(cases$drawn, verbose = FALSE)
right <- order_two(cases$drawn)
say("order 1 against 2: statistic, df", c(found$statistic, found$dof),
    c(right$statistic, right$df))

rejects <- function(p) mean(sapply(seq_len(runs / 2), function(run) p() < 0.05))
set.seed(2)
say("rejects a true order 1 at 5 %: verifyMarkovProperty",
    rejects(function() verifyMarkovProperty(draw(500), verbose = FALSE)$p.value), 0.05)
say("rejects a true order 1 at 5 %: assessOrder",
    rejects(function() assessOrder(draw(500), verbose = FALSE)$p.value), 0.05)
say("rejects a true order 1 at 5 %: G2 with df of the table, for comparison",
    rejects(function() order_two(draw(500))$p), 0.05)
say("rejects two sequences of one chain at 5 %: verifyHomogeneity",
    rejects(function() verifyHomogeneity(list(draw(500), draw(500)), verbose = FALSE)$pvalue),
    0.05)
say("rejects two sequences of one chain at 5 %: G2 by rows, for comparison",
    rejects(function() two_counts(createSequenceMatrix(draw(500)),
                                  createSequenceMatrix(draw(500)))$p), 0.05)

# Breadth ----------------------------------------------------------------------------------------

more <- c("ctmcFit", "absorptionProbabilities", "expectedRewards", "committorAB",
          "fitHighOrderMultivarMC")
say("exports of what is beyond estimation", more[more %in% ls("package:markovchain")])
warned <- tryCatch(verifyHomogeneity(two, verbose = FALSE), warning = conditionMessage)
say("warning of verifyHomogeneity", warned)
say("mean first passage times from a", meanFirstPassageTime(chain)["a", "b"], 10)
say("fitted continuous-time chain", attempt(ctmcFit(list(c("a", "b", "a"), c(0, 1, 3)))))

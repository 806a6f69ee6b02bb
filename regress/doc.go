// Package regress judges runs: which tests became slower or hungrier than they used to be, since which commit, and
// whether that is the tests, the machine or chance. It is a pure function of samples, without clock and without I/O.
//
// # How it decides
//
// Everything is done per class of machine, on the logarithm of a measurement, so that a slow-down by a fifth weighs
// the same for a fast and for a slow test. A value has three steps to go before it is called a regression:
//
//  1. What all tests of a run have in common is taken away: half of the tests slower by the same factor are a slow
//     machine (offset.go).
//  2. What is left is compared with what is usual for the test, its median over the earlier runs, and with how much
//     it usually varies (base.go). A value that is hardly to be had by chance is a suspect. Suspects are held apart
//     from what is usual until it is clear whether they were outliers, or a new level (track.go).
//  3. It is confirmed if the last three runs together say the same, and if so even when the number of tests that
//     could be conspicuous by chance is considered (verdict.go, fdr.go), and if it is large enough to matter.
//
// Memory is a matter of the whole process, and has rules of its own (memory.go).
//
// # Order
//
// Samples may come in any order and more than once. Runs are in the order of the lineage.
package regress

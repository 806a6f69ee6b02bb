// Package regress judges runs: which tests became slower or hungrier than they used to be, since which commit, and
// whether that is the tests, the machine or chance. It is a pure function of samples, without clock and without I/O.
//
// # How it decides
//
// Each class of machine is judged by itself. All is done on the logarithm of a measurement, so that a slow-down by a fifth
// weighs the same for a fast and for a slow test. A value has three steps to go before it is called a regression:
//
//  1. What all tests of a run have in common is taken away: half of the tests slower by the same factor are a slow
//     machine (machine_speed.go).
//  2. The rest is compared with what is usual for the test, its median over the earlier runs, and with how much it usually
//     varies (base.go). A value that is improbable by chance is a suspect. Suspects are kept apart from what is usual until
//     it is clear whether they were outliers, or a new level (track.go).
//  3. A suspect is confirmed if the last runs together, or those of its commit, say the same (verdict.go, confirm.go), if the
//     change is large enough to matter, and if it is more than chance among so many tests (decide.go).
//
// Memory is a matter of the whole process, and has rules of its own (memory.go).
//
// Slow growth is a question of its own, about rollups of many runs: what is usual now is compared with what was usual long ago
// (drift.go). Parts of a suite grow by the sums of their tests (drift_parts.go).
//
// # Order
//
// Samples may come in any order and more than once. Runs are in the order of the comparison.
package regress

// Package sqlite keeps everything that the bridge has accepted in one SQLite file: it is the journal, from which
// records are delivered, and the store, from which they are read. It implements [monitor.Journal],
// [monitor.MetadataStore], [monitor.MetadataSearch], [monitor.RunStore], [monitor.HistoryStore], [monitor.ReportStore],
// [monitor.ReportQueue], [monitor.TokenStore] and [monitor.HealthChecker] with the type [DB], [monitor.Store] with the
// type [Store], and is the only package that knows SQL.
//
// # Shape of the data
//
// Contexts, sessions and metrics share one sequence without gaps, which is each table's primary key. A metric row is
// integers and floats: it refers to dictionaries of series, hashes and locations, and its start is an instant. What
// cannot be rebuilt from these stands as sent in a side table. Texts are bytes: they may hold NUL and invalid UTF-8.
// Floats are in columns without a type, since a column of type REAL would turn -0.0 into 0. See schema.sql.
// The other schema files lead from each version to the next; a file is brought up to date when it is opened.
//
// The views TEST_METRICS, TEST_SESSIONS and EXECUTION_CONTEXTS have the columns of the plugin's own `.pymon` files.
//
// # Reading lists
//
// A list is read in parts, each in a short transaction that continues behind the last row of the one before, on
// connections of its own. So a slow consumer holds nothing, the log can be copied into the file meanwhile, and what is
// written at the same time moves nothing. The indexes of metrics hold all that lists are chosen and ordered by: conditions
// on texts become IDs of dictionaries first, and a page in the middle is a walk through an index from the nearer end.
// Texts with addresses of objects are chosen by their series and then compared as sent.
//
// Two tables are kept with each transaction so that questions about everything need not read everything: tallies, what
// each session measured by context, component and kind, answer counts and runs; extremes, the greatest and least
// measurements of each series, tell where heads and tails are.
//
// # Reports
//
// There is one report for each judged run, with a version that grows whenever a report says something new. For each
// destination the file knows up to which version everything is settled, and for each run what the destination was told:
// noted before a report is handed out, since a delivery may arrive without anybody learning of it, and replaced by exactly
// what the report says when it is settled. What was told and is no longer so goes out as ok.
//
// # Durability
//
// The file is in WAL mode with synchronous=FULL. One connection writes, under a mutex, one transaction for each call;
// a call returns after the fsync of its commit. A few others read. After a crash SQLite replays its log when the file
// is opened, which is enough to accept again; PRAGMA quick_check then runs beside the work.
//
// When the disk is full the transaction is rolled back and [monitor.EFull] returned, until there is room again. Any
// other failure of a write ends the use of its connection, because what a second fsync says after a failed one is
// worth nothing: the file is opened anew and must pass quick_check before anything is accepted. A damaged file is
// reported and left as it is.
//
// # What is not promised
//
// A drive that confirms a flush it has not done, and bits that rot, are beyond this package: the latter are reported
// where SQLite's checks find them. The client's address is kept for sessions only, which need it for [monitor.RunOf].
package sqlite

// Package storetest checks that every implementation of [monitor.Store] gives the same answers. [Run] gives a store
// random records with difficult texts and asks many questions of each kind. It compares each answer with the answer of
// plain Go code that looks at all records. [RunWhileWriting] reads lists while records are written. [RunHistory] checks
// implementations of [monitor.HistoryStore] in the same way.
package storetest

// Package storetest holds every implementation of [monitor.Store] to the same answers. [Run] has a store hold random
// records whose texts are as unpleasant as texts can be, asks it everything that can be asked, and compares each answer
// with what plain Go finds by looking at all records. [RunWhileWriting] reads a list while others write. [RunHistory] does
// the same for implementations of [monitor.HistoryStore].
package storetest

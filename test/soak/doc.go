// Package soak holds tests that take long: a landing zone through many crashes, and servers on an etcd cluster that fails.
// Every run of the tests does a sample of them, "make soak" does the whole.
package soak

// Package arch holds the shape of the whole as tests: who may import whom, which
// package may use which dependency, and what no source file may contain. It has
// no code to run and keeps no state; each rule says why it stands.
package arch

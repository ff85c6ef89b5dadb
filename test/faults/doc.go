// Package faults breaks what the program stands on while it runs - links, tables, processes, disks, logs, descriptors - and sees
// that it holds, says what is wrong, and recovers. Its servers and their state are its own.
package faults

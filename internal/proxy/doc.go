// Package proxy says what the data plane does with a request: the routing table, which service, rule, target group and
// target a request reaches, whether its auth policies let it through, which headers it gains and loses, what a function
// is sent for it, and what is logged of it. One engine serves VPC Lattice services and Application Load Balancers.
//
// The package performs no I/O. A Table is written by plan.Compile and never changes afterwards; a Router is a Table made
// ready to be asked, and the only state in it are the counters that spread requests and the health of targets, which
// package proxy/server writes.
package proxy

// Package linux makes a substrate.Layout true in the kernel, and keeps it so: a
// Host owns every namespace, link, route and nftables table it made, and nobody
// else writes them. It never touches the namespace the process started in.
package linux

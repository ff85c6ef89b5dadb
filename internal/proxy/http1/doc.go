// Package http1 reads HTTP/1 message heads and chunked bodies, strictly: what two parties could read in two ways is
// refused. Parsing happens in place and allocates nothing; the strings of a parsed head are views of the buffer it was
// parsed from and live as long as that buffer is left alone. The package performs no I/O and keeps no state.
package http1

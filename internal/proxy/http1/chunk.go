package http1

// Chunks decodes a chunked body as it arrives. The zero Chunks is ready. Chunk extensions and trailers are checked and
// dropped.
type Chunks struct {
	state  uint8
	digits uint8
	left   int64 // of the current chunk
	extra  int   // bytes of extensions and trailers so far
}

const (
	chunkSize uint8 = iota
	chunkExtension
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	trailerStart
	trailerName
	trailerValue
	trailerLF
	lastLF
	chunksDone
)

const (
	maxSizeDigits = 12
	maxChunkExtra = 8 << 10
)

// Done reports whether the whole body was decoded.
func (c *Chunks) Done() bool { return c.state == chunksDone }

// Decode consumes the first n bytes of src and returns the body bytes among them as a part of src. It consumes at least
// one byte unless src is empty or the body is done, and nothing after the body's end.
func (c *Chunks) Decode(src []byte) (data []byte, n int, err error) {
	for n < len(src) && c.state != chunksDone {
		if c.state == chunkData {
			data = src[n:]
			if int64(len(data)) > c.left {
				data = data[:c.left]
			}
			if c.left -= int64(len(data)); c.left == 0 {
				c.state = chunkDataCR
			}
			return data, n + len(data), nil
		}
		if err := c.step(src[n]); err != nil {
			return nil, n, err
		}
		n++
	}
	return nil, n, nil
}

// step takes one byte that is not data.
func (c *Chunks) step(b byte) error {
	switch c.state {
	case chunkSize:
		switch {
		case class[b]&isHex != 0:
			if c.digits++; c.digits > maxSizeDigits {
				return bad("a chunk is too large")
			}
			v := int64(b|0x20) - 'a' + 10
			if b <= '9' {
				v = int64(b - '0')
			}
			c.left = c.left<<4 | v
		case c.digits > 0 && b == ';':
			c.state = chunkExtension
		case c.digits > 0 && b == '\r':
			c.state = chunkSizeLF
		default:
			return bad("a chunk size is malformed")
		}
		return nil
	case chunkExtension:
		if b == '\r' {
			c.state = chunkSizeLF
			return nil
		}
		return c.allow(b, isValue)
	case chunkSizeLF:
		c.digits = 0
		if c.left == 0 {
			return c.expect(b, '\n', trailerStart)
		}
		return c.expect(b, '\n', chunkData)
	case chunkDataCR:
		return c.expect(b, '\r', chunkDataLF)
	case chunkDataLF:
		return c.expect(b, '\n', chunkSize)
	case trailerStart:
		if b == '\r' {
			c.state = lastLF
			return nil
		}
		c.state = trailerName
		return c.allow(b, isToken)
	case trailerName:
		if b == ':' {
			c.state = trailerValue
			return nil
		}
		return c.allow(b, isToken)
	case trailerValue:
		if b == '\r' {
			c.state = trailerLF
			return nil
		}
		return c.allow(b, isValue)
	case trailerLF:
		return c.expect(b, '\n', trailerStart)
	default:
		return c.expect(b, '\n', chunksDone)
	}
}

func (c *Chunks) allow(b byte, kind uint8) error {
	if c.extra++; class[b]&kind == 0 || c.extra > maxChunkExtra {
		return bad("a chunk extension or trailer is malformed or too long")
	}
	return nil
}

func (c *Chunks) expect(b, want byte, next uint8) error {
	if b != want {
		return bad("a chunk does not end in CR LF")
	}
	c.state = next
	return nil
}

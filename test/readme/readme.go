// Package readme has the commands that a README gives its reader, so that tests run these and not a copy of them.
//
// A block fenced as sh is for the reader's shell, at the root of the repository, and goes on where the block before it ended. Each line is
// a command, which must succeed; one that ends in a backslash goes on in the next. "# says TEXT" after a command is the last line that it
// prints, where "…" stands for anything. "bin/trellis serve" keeps its terminal: what follows is another terminal, at the root again. A
// block whose first line is "# Not run by the tests: WHY" is not run. Code that is only indented is refused, since nobody could tell
// whether it is run.
package readme

import (
	"fmt"
	"regexp"
	"strings"
)

// Block is what stands between two fences. NotRun says why no test runs it.
type Block struct {
	Line     int
	NotRun   string
	Commands []Command
}

// Command is a line of a block; Says is the last line that it prints, where that is told.
type Command struct {
	Line       int
	Text, Says string
}

const notRun = "# Not run by the tests: "

var says = regexp.MustCompile(`(?s)^(.*\S)\s+# says (.+)$`)

// Parse reads the blocks of a README.
func Parse(text string) ([]Block, error) {
	var out []Block
	var block *Block
	fence, before, open := "", "", false
	for i, line := range strings.Split(text, "\n") {
		mark, fenced := strings.CutPrefix(line, "```")
		switch {
		case fenced && !open:
			open, fence = true, mark
			if fence == "sh" {
				out = append(out, Block{Line: i + 1})
				block = &out[len(out)-1]
			}
		case fenced:
			if mark != "" {
				return nil, fmt.Errorf("line %d: a block begins within another", i+1)
			}
			if fence == "sh" && block.NotRun == "" && len(block.Commands) == 0 {
				return nil, fmt.Errorf("line %d: a block without a command", block.Line)
			}
			open = false
		case open && fence == "sh":
			if err := block.add(i+1, line); err != nil {
				return nil, err
			}
		case !open && strings.HasPrefix(line, "    ") && strings.TrimSpace(before) == "":
			return nil, fmt.Errorf("line %d: code that is indented and not fenced", i+1)
		}
		before = line
	}
	if open {
		return nil, fmt.Errorf("a block that begins with %q has no end", fence)
	}
	return out, nil
}

func (b *Block) add(at int, line string) error {
	line = strings.TrimSpace(line)
	why, marked := strings.CutPrefix(line, notRun)
	last := len(b.Commands) - 1
	switch {
	case marked && (b.NotRun != "" || last >= 0):
		return fmt.Errorf("line %d: what is not run is a block of its own", at)
	case marked:
		b.NotRun = why
	case line == "" || line[0] == '#':
	case last >= 0 && strings.HasSuffix(b.Commands[last].Text, `\`):
		b.Commands[last].Text += "\n" + line
		b.Commands[last].listen()
	default:
		b.Commands = append(b.Commands, Command{Line: at, Text: line})
		b.Commands[last+1].listen()
	}
	return nil
}

// listen takes what the command says out of its text.
func (c *Command) listen() {
	if parts := says.FindStringSubmatch(c.Text); parts != nil {
		c.Text, c.Says = parts[1], parts[2]
	}
}

// said tells whether a command's output ends as the README says.
func (c Command) said(output string) bool {
	if c.Says == "" {
		return true
	}
	lines := strings.Split(strings.TrimSpace(output), "\n")
	parts := strings.Split(c.Says, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(lines[len(lines)-1])
}

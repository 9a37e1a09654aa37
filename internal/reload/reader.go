package reload

import "slices"

// reader reads texts into canonical form. It keeps those of this apply and of the apply before, since most come again: what FRR runs is
// what it ran when it was asked last, and a document is what the next one is compared with. nil keeps nothing.
type reader struct{ now, before map[string]*config }

// turn ends an apply: what it did not need is forgotten.
func (r *reader) turn() { r.now, r.before = map[string]*config{}, r.now }

// read returns a configuration in canonical form. It is shared: nobody may change it.
func (r *reader) read(text string) *config {
	if r == nil {
		return read(text)
	}
	c := r.now[text]
	if c == nil {
		c = r.before[text]
	}
	if c == nil {
		c = read(text)
	}
	if r.now == nil {
		r.now = map[string]*config{}
	}
	r.now[text] = c
	return c
}

// read is a configuration in canonical form.
func read(text string) *config {
	c := parse(text)
	canonicalise(c)
	for _, b := range c.blocks {
		b.lines = slices.Clip(b.lines) // whoever appends to them gets lines of its own
	}
	return c
}

package render

// Document is one frr.conf, whole: what FRR should run, in the form that `show running-config` prints it.
type Document struct {
	// Text ends with a newline. It may hold passwords: never log it.
	Text string
	// Digest is "sha256:" and 64 hexadecimal digits over Text without its digest comment.
	Digest string
}

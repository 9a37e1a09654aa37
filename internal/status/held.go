package status

// Held is a plan that is held back, since it would reset Established sessions.
type Held struct {
	// Digest is that of the plan, 24 hexadecimal digits.
	Digest string
	// Neighbors are those whose sessions it would reset, as plans name them: "10.0.0.1", "10.0.0.1 vrf red".
	Neighbors []string
	// Allow is the annotation of the node that lets the plan through, as KEY=VALUE.
	Allow string
}

// Package agent is the sidecar's loop: objects come in, FRR is brought to what they ask for, and what became of it is told.
//
// Run reads top to bottom. It holds the state that outlives one turn (the last good objects and document) and decides when to act;
// what to do is decided in translate, and how in reload.
package agent

// Package kubewatch is what all who watch an API server have in common. In come objects as an API server sends them; out go the same with what somebody
// reads of them, and nothing else: heartbeats would be changes otherwise, and the rest costs memory. It decides nothing.
package kubewatch

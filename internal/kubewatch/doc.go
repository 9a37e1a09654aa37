// Package kubewatch is what all who watch an API server have in common: clients, a loop that lists and watches and goes on where a watch ended, and
// what is kept of each object. In come objects as an API server sends them; out go the same with what somebody reads of them, and nothing else: heartbeats
// would be changes otherwise, and the rest costs memory. It decides nothing, and tells nobody but its caller.
package kubewatch

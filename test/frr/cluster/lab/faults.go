package lab

import "github.com/frr-renderer/frr-renderer/test/apiserver"

// API is the API server that all tests of a package share: who kills it runs alone.
func (l *Lab) API() *apiserver.Server { return l.cluster.Server }

// TryApply is Apply where the API server may refuse for a while.
func (l *Lab) TryApply(texts ...string) error {
	l.t.Helper()
	for _, o := range l.parse(texts...) {
		if err := l.apply(o); err != nil {
			return err
		}
	}
	return nil
}

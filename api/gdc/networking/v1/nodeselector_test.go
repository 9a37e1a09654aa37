package v1

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/labels"
)

func TestANodeSelectorHasManyShapes(t *testing.T) {
	tests := []struct{ written, means string }{
		{`null`, ""},
		{`{}`, ""},
		{`[]`, ""},
		{`""`, ""},
		{`{"rack":"a"}`, "rack=a"},
		{`{"rack":"a","role":"lb"}`, "rack=a,role=lb"},
		{`{"matchLabels":{"rack":"a"}}`, "rack=a"},
		{`{"matchLabels":{"rack":"a"},"matchExpressions":[{"key":"lb","operator":"Exists"}]}`, "lb,rack=a"},
		{`{"matchExpressions":[{"key":"rack","operator":"NotIn","values":["b","a"]}]}`, "rack notin (a,b)"},
		{`{"matchLabels":{}}`, ""},
		{`{"key":"rack","operator":"In","values":["a"]}`, "rack in (a)"},
		{`{"key":"a"}`, "key=a"},
		{`["rack=a"]`, "rack=a"},
		{`["rack=a","!slow"]`, "rack=a,!slow"},
		{`[{"rack":"a"},{"role":"lb"}]`, "rack=a,role=lb"},
		{`[{"rack":"a"},"rack=b"]`, "rack=a,rack=b"}, // all must hold: none does
		{`[{"matchLabels":{"rack":"a"}},{"key":"lb","operator":"DoesNotExist"}]`, "rack=a,!lb"},
		{`"rack in (a,b),role!=db"`, "rack in (a,b),role!=db"},
	}
	for _, tt := range tests {
		s := &NodeSelector{}
		require.NoError(t, s.UnmarshalJSON([]byte(tt.written)))
		selector, err := s.Selector()
		require.NoError(t, err, tt.written)
		want, err := labels.Parse(tt.means)
		require.NoError(t, err)
		require.Equal(t, want.String(), selector.String(), tt.written)
	}
}

func TestWhatIsNoNodeSelectorIsToldNotRefused(t *testing.T) {
	tests := []struct{ written, err string }{
		{`{"gpu":true}`, `"gpu" is no text; put it in quotes`},
		{`{"rack":["a","b"]}`, `write several values as matchExpressions, or as the text "rack in (a,b)"`},
		{`{"nodeSelectorTerms":[{"matchExpressions":[]}]}`, `"nodeSelectorTerms" has a list`},
		{`{"rack":null}`, `"rack" is no text`},
		{`7`, "7 is neither labels nor a text"},
		{`[["rack=a"]]`, "entry 1 is a list"},
		{`["rack=a",{"rack":1}]`, `entry 2: the value of label "rack"`},
		{`{"matchLabels":{"rack":"a"},"role":"lb"}`, `"role" stands beside matchLabels`},
		{`{"matchLabels":["rack=a"]}`, "matchLabels is a map of texts"},
		{`{"matchExpressions":[{"key":"rack","operator":"Is"}]}`, "not a valid label selector operator"},
		{`{"matchExpressions":[{"key":"rack","operator":"In"}]}`, "values set can't be empty"},
		{`{"-rack":"a"}`, "name part must consist of"},
		{`"size>3"`, "compares numbers"},
		{`"rack="x"`, "not JSON"},
		{`"in (a"`, "unable to parse requirement"},
	}
	for _, tt := range tests {
		s := &NodeSelector{}
		require.NoError(t, s.UnmarshalJSON([]byte(tt.written)), "one bad object must not hide the others of a list")
		_, err := s.Selector()
		require.ErrorContains(t, err, tt.err, tt.written)
	}
}

func TestANodeSelectorIsWrittenAsItWas(t *testing.T) {
	const written = `{"floatingIPs":["10.0.1.100"],"nodeSelector":[{"rack":"a"},"!slow"]}`
	spec := NetworkGatewayGroupSpec{}
	require.NoError(t, json.Unmarshal([]byte(written), &spec))
	out, err := json.Marshal(spec)
	require.NoError(t, err)
	require.Equal(t, written, string(out))
	spec = NetworkGatewayGroupSpec{}
	require.NoError(t, json.Unmarshal([]byte(`{"floatingIPs":["10.0.1.100"],"nodeSelector":null}`), &spec))
	require.Nil(t, spec.NodeSelector)
}

func TestNoNodeSelectorIsEveryNode(t *testing.T) {
	for _, s := range []*NodeSelector{nil, {}, MatchLabels(nil)} {
		selector, err := s.Selector()
		require.NoError(t, err)
		require.True(t, selector.Empty())
	}
	selector, err := MatchLabels(map[string]string{"rack": "a"}).Selector()
	require.NoError(t, err)
	require.True(t, selector.Matches(labels.Set{"rack": "a", "other": "b"}))
	require.False(t, selector.Matches(labels.Set{"other": "b"}))
}

func FuzzNodeSelector(f *testing.F) {
	for _, s := range []string{`{"a":"b"}`, `["a=b",{"c":"d"}]`, `{"matchExpressions":[{"key":"a","operator":"In","values":["b"]}]}`, `"a in (b)"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, written string) {
		s := &NodeSelector{Raw: []byte(written)}
		selector, err := s.Selector()
		if err != nil {
			return
		}
		if _, err := labels.Parse(selector.String()); err != nil {
			t.Fatalf("%s means %s, which is no selector: %v", written, selector, err)
		}
	})
}

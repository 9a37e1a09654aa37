package status

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/gentype"

	"github.com/frr-renderer/frr-renderer/api/v1beta1"
	"github.com/frr-renderer/frr-renderer/internal/problem"
)

// MetalLB's names for the state of a speaker's configuration.
const (
	labelNode          = "metallb.io/node"
	labelNodeName      = "metallb.io/node-name"
	labelComponentType = "metallb.io/component-type"
	speaker            = "speaker"

	conditionConfig     = "configReconcilerValid"
	reasonReconciled    = "Reconciled"
	reasonConfiguration = "ConfigurationError"
	reasonUnknown       = "UnknownError"
)

const (
	// summaryObjects is how many objects a summary names, summaryLength how many bytes it has at most.
	summaryObjects = 10
	summaryLength  = 4096
)

// verdict is what a ConfigurationState says.
type verdict struct {
	result  v1beta1.ConfigurationResult
	summary string
}

// judge says what the problems come to, and failure, why FRR can't be brought to the configuration.
func judge(problems []problem.Problem, failure string) verdict {
	var refused []string
	for _, p := range problems {
		if p.Severity == problem.Error {
			refused = append(refused, problem.OneLine(strings.TrimPrefix(p.String(), string(problem.Error)+" ")))
		}
	}
	if len(refused) == 0 && failure != "" {
		return verdict{v1beta1.ConfigurationUnknown, cut(problem.OneLine(failure), summaryLength)}
	}
	if len(refused) == 0 {
		return verdict{result: v1beta1.ConfigurationValid}
	}
	more := ""
	if n := len(refused) - summaryObjects; n > 0 {
		refused, more = refused[:summaryObjects], fmt.Sprintf("\nand %d more", n)
	}
	return verdict{v1beta1.ConfigurationInvalid, cut(strings.Join(refused, "\n"), summaryLength-len(more)) + more}
}

// condition is the verdict as a condition, without its time.
func (v verdict) condition() metav1.Condition {
	c := metav1.Condition{Type: conditionConfig, Status: metav1.ConditionTrue, Reason: reasonReconciled, Message: v.summary}
	switch v.result {
	case v1beta1.ConfigurationInvalid:
		c.Status, c.Reason = metav1.ConditionFalse, reasonConfiguration
	case v1beta1.ConfigurationUnknown:
		c.Status, c.Reason = metav1.ConditionUnknown, reasonUnknown
	}
	return c
}

// configurationStates keeps the ConfigurationState of a node.
type configurationStates struct {
	node, name string
	client     *gentype.ClientWithList[*v1beta1.ConfigurationState, *v1beta1.ConfigurationStateList]
	mirror     *mirror[*v1beta1.ConfigurationState]
	writer     *writer
	owner      *owner
	now        func() time.Time

	mu     sync.Mutex
	wanted verdict
	known  bool
	// turned is the condition's status that was written last, and since when it is so: an object that somebody deletes comes back with it.
	turned metav1.Condition
}

func (s *configurationStates) want(v verdict) {
	s.mu.Lock()
	same := s.known && s.wanted == v
	s.wanted, s.known = v, true
	s.mu.Unlock()
	if !same {
		s.writer.queue.Add(s.name)
	}
}

// bring implements writer.
func (s *configurationStates) bring(ctx context.Context, _ string) (wrote bool, err error) {
	s.mu.Lock()
	wanted, known := s.wanted, s.known
	s.mu.Unlock()
	if !known || !s.mirror.informer.HasSynced() {
		return false, nil
	}
	owners, err := s.owner.references(ctx)
	if err != nil {
		return false, err
	}
	labels := map[string]string{labelComponentType: speaker, labelNodeName: labelValue(s.node)}
	existing := s.mirror.of(s.name, nameOf)
	if len(existing) == 0 {
		created, err := s.client.Create(ctx, &v1beta1.ConfigurationState{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1beta1.GroupVersion.String(), Kind: "ConfigurationState"},
			ObjectMeta: metav1.ObjectMeta{Name: s.name, Labels: labels, OwnerReferences: owners},
		}, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		s.mirror.answered(created)
		_, err = s.tell(ctx, created, wanted)
		return true, err
	}
	one := existing[0]
	if one, wrote, err = mend(ctx, s.client, s.mirror, one, labels, owners); err != nil {
		return wrote, err
	}
	told, err := s.tell(ctx, one, wanted)
	return wrote || told, err
}

// tell writes the status where it differs. What others add to the conditions stays.
func (s *configurationStates) tell(ctx context.Context, one *v1beta1.ConfigurationState, wanted verdict) (wrote bool, err error) {
	status := v1beta1.ConfigurationStateStatus{Result: wanted.result, ErrorSummary: wanted.summary, Conditions: slices.Clone(one.Status.Conditions)}
	condition := wanted.condition()
	condition.LastTransitionTime = s.since(condition, meta.FindStatusCondition(one.Status.Conditions, conditionConfig))
	if i := slices.IndexFunc(status.Conditions, func(c metav1.Condition) bool { return c.Type == conditionConfig }); i != -1 {
		status.Conditions[i] = condition
	} else {
		status.Conditions = append(status.Conditions, condition)
	}
	s.turned = condition
	if equality.Semantic.DeepEqual(status, one.Status) {
		return false, nil
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{
		"result": status.Result, "errorSummary": orNull(status.ErrorSummary), "conditions": status.Conditions,
	}})
	if err != nil {
		return false, err
	}
	patched, err := s.client.Patch(ctx, one.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	return true, settled(s.mirror, patched, err)
}

// since is when the condition has got its status: what the object says of the same one, else what we know, else now.
func (s *configurationStates) since(condition metav1.Condition, there *metav1.Condition) metav1.Time {
	switch {
	case there != nil && there.Status == condition.Status && !there.LastTransitionTime.IsZero():
		return there.LastTransitionTime
	case s.turned.Status == condition.Status:
		return s.turned.LastTransitionTime
	}
	return metav1.NewTime(s.now().Truncate(time.Second))
}

func nameOf(o *v1beta1.ConfigurationState) string { return o.Name }

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// mend gives an object its labels and owners back.
func mend[T object, L runtime.Object](ctx context.Context, client *gentype.ClientWithList[T, L], m *mirror[T], one T, labels map[string]string,
	owners []metav1.OwnerReference) (T, bool, error) {
	lacks := false
	for k, v := range labels {
		lacks = lacks || one.GetLabels()[k] != v
	}
	if !lacks && (owners == nil || equality.Semantic.DeepEqual(owners, one.GetOwnerReferences())) {
		return one, false, nil
	}
	metadata := map[string]any{"labels": maps.Clone(labels)}
	if owners != nil {
		metadata["ownerReferences"] = owners
	}
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return one, false, err
	}
	patched, err := client.Patch(ctx, one.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
	if err := settled(m, patched, err); err != nil {
		return one, true, err
	}
	return patched, true, nil
}

// settled takes the answer to a patch. Of an object that is gone the watch will tell: a kind without the subresource would look the same, and
// making it anew would go on for ever.
func settled[T object](m *mirror[T], answer T, err error) error {
	if err == nil {
		m.answered(answer)
	}
	return err
}

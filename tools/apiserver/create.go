package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	podsecurity "k8s.io/pod-security-admission/api"
)

type request struct {
	Definitions []json.RawMessage `json:"definitions"`
	Resources   []string          `json:"resources"`
}

type refusal struct {
	Index  int    `json:"index"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	// Gated tells that the API server would accept it with feature gates that are off by default.
	Gated bool `json:"gated"`
}

// create reads {"definitions": [CustomResourceDefinition], "resources": [resource as JSON text]}, and writes an array
// of {"index", "field", "reason", "detail"}, one for each cause to refuse a resource; the reason of a resource that
// cannot be decoded is "Decode", of a version that is served no more "Removed", of a text that its operator cannot read
// "Format", of a field that it loses without a word "Dropped". A resource of a kind that neither Kubernetes nor a definition has is passed over.
func create(in io.Reader, out io.Writer) error {
	var asked request
	if err := json.NewDecoder(in).Decode(&asked); err != nil {
		return fmt.Errorf("read resources: %w", err)
	}
	custom := customKindsOf(asked.Definitions)
	refusals := []refusal{}
	for index, text := range asked.Resources {
		refusals = append(refusals, refusalsOf(index, []byte(text), custom)...)
	}
	if err := openGates(); err != nil {
		return err
	}
	remaining := map[int][]refusal{}
	for place, refused := range refusals {
		if _, known := remaining[refused.Index]; !known {
			remaining[refused.Index] = refusalsOf(refused.Index, []byte(asked.Resources[refused.Index]), custom)
		}
		refusals[place].Gated = !slices.Contains(remaining[refused.Index], refused)
	}
	return json.NewEncoder(out).Encode(refusals)
}

func refusalsOf(index int, text []byte, custom customKinds) []refusal {
	if detail := removed(text); detail != "" {
		return []refusal{{Index: index, Field: "apiVersion", Reason: "Removed", Detail: detail}}
	}
	object, strategy, err := read(text, custom)
	if err != nil {
		return []refusal{{Index: index, Reason: "Decode", Detail: err.Error()}}
	}
	refusals := []refusal{}
	if made, ok := object.(*unstructured.Unstructured); ok {
		for _, cause := range formatsOf(custom.schemaOf(made), made.Object, "") {
			refusals = append(refusals, refusal{index, cause.Field, string(cause.Type), cause.Message, false})
		}
	}
	if strategy != nil {
		for _, cause := range judged(text, object, strategy) {
			refusals = append(refusals, refusal{index, cause.Field, string(cause.Type), cause.Message, false})
		}
	}
	return refusals
}

// judged are the causes to refuse a resource; of one that is accepted, the fields that it loses.
func judged(text []byte, object runtime.Object, strategy rest.RESTCreateStrategy) []metav1.StatusCause {
	found := levels(object)
	asked := &unstructured.Unstructured{}
	if asked.UnmarshalJSON(text) != nil {
		return append(found, causes(admit(object, strategy))...)
	}
	version := asked.GroupVersionKind().GroupVersion()
	before := fieldsOf(object, version)
	found = append(found, causes(admit(object, strategy))...)
	if len(found) > 0 || before == nil {
		return found
	}
	return dropped(asked.Object, before, fieldsOf(object, version))
}

// levels are the labels of a namespace that Pod Security's admission refuses.
func levels(object runtime.Object) []metav1.StatusCause {
	namespace, ok := object.(*core.Namespace)
	if !ok {
		return nil
	}
	_, refused := podsecurity.PolicyToEvaluate(namespace.Labels, podsecurity.Policy{})
	found := []metav1.StatusCause{}
	for _, one := range refused {
		found = append(found, metav1.StatusCause{Type: metav1.CauseType(one.Type), Field: one.Field, Message: one.ErrorBody()})
	}
	return found
}

// read decodes a resource and sets its defaults.
func read(text []byte, custom customKinds) (runtime.Object, rest.RESTCreateStrategy, error) {
	object, kind, err := legacyscheme.Codecs.UniversalDecoder().Decode(text, nil, nil)
	if err == nil {
		return object, strategies[kind.GroupKind()], nil
	}
	if kind == nil || !runtime.IsNotRegisteredError(err) {
		return nil, nil, err
	}
	define := custom[*kind]
	if define == nil {
		return nil, nil, nil
	}
	definition, err := define()
	if err != nil {
		// Its definition is refused for that.
		return nil, nil, nil
	}
	object, err = definition.read(text)
	return object, definition.strategy, err
}

// admit does with a resource what the API server does with one to create.
func admit(object runtime.Object, strategy rest.RESTCreateStrategy) error {
	metadata, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	if metadata.GetName() == "" && metadata.GetGenerateName() != "" {
		metadata.SetName(strategy.GenerateName(metadata.GetGenerateName()))
	}
	if strategy.NamespaceScoped() && metadata.GetNamespace() == "" {
		metadata.SetNamespace(metav1.NamespaceDefault)
	}
	rest.FillObjectMetaSystemFields(metadata)
	if service, ok := object.(*core.Service); ok && service.Spec.ClusterIP != "" && len(service.Spec.ClusterIPs) == 0 {
		// The storage of Services does this, out of reach.
		service.Spec.ClusterIPs = []string{service.Spec.ClusterIP}
	}
	ctx := genericapirequest.WithNamespace(context.Background(), metadata.GetNamespace())
	return rest.BeforeCreate(strategy, ctx, object)
}

func causes(err error) []metav1.StatusCause {
	var status *apierrors.StatusError
	if errors.As(err, &status) && status.ErrStatus.Details != nil && len(status.ErrStatus.Details.Causes) > 0 {
		return status.ErrStatus.Details.Causes
	}
	if err != nil {
		return []metav1.StatusCause{{Type: "Refused", Message: err.Error()}}
	}
	return nil
}

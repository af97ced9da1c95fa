package main

import (
	"fmt"
	"sort"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// fieldsOf is a resource as a client would read it; nil for one that no client can.
func fieldsOf(object runtime.Object, version schema.GroupVersion) map[string]any {
	served, err := legacyscheme.Scheme.ConvertToVersion(object.DeepCopyObject(), version)
	if err != nil {
		return nil
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(served)
	if err != nil {
		return nil
	}
	return fields
}

// dropped are the fields that are asked for and understood, and not created: the API server says nothing about them.
// Its own are passed over: the status, and those of the metadata.
func dropped(asked, before, after map[string]any) []metav1.StatusCause {
	causes := []metav1.StatusCause{}
	for _, name := range sortedKeys(asked) {
		if name != "status" && name != "metadata" {
			causes = append(causes, lost(asked[name], before[name], after[name], name)...)
		}
	}
	return causes
}

func lost(asked, before, after any, path string) []metav1.StatusCause {
	if isEmpty(asked) || isEmpty(before) {
		return nil
	}
	if isEmpty(after) {
		return []metav1.StatusCause{{Type: "Dropped", Field: path}}
	}
	causes := []metav1.StatusCause{}
	switch wanted := asked.(type) {
	case map[string]any:
		understood, _ := before.(map[string]any)
		made, ok := after.(map[string]any)
		for _, name := range sortedKeys(wanted) {
			if ok {
				causes = append(causes, lost(wanted[name], understood[name], made[name], path+"."+name)...)
			}
		}
	case []any:
		understood, _ := before.([]any)
		made, ok := after.([]any)
		if !ok || len(made) != len(wanted) || len(understood) != len(wanted) {
			return nil
		}
		for index := range wanted {
			causes = append(causes, lost(wanted[index], understood[index], made[index], fmt.Sprintf("%s[%d]", path, index))...)
		}
	}
	return causes
}

// isEmpty tells whether a value is left out when a resource is written.
func isEmpty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	case string:
		return value == ""
	case bool:
		return !value
	case int64:
		return value == 0
	case float64:
		return value == 0
	}
	return false
}

func sortedKeys(fields map[string]any) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

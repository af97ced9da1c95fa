package main

import (
	"encoding/json"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

type template struct {
	ID       string            `json:"id"`
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     corev1.PodSpec    `json:"spec"`
}

type violation struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// security reads an array of {"id": string, "metadata": {...}, "spec": PodSpec}, and writes an array of
// {"id", "reason", "detail"}, one for each check that a template fails.
func security(in io.Reader, out io.Writer) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	var templates []template
	if err := json.NewDecoder(in).Decode(&templates); err != nil {
		return fmt.Errorf("read pod templates: %w", err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	violations := []violation{}
	for _, pod := range templates {
		for _, result := range evaluator.EvaluatePod(level, &pod.Metadata, &pod.Spec) {
			if !result.Allowed {
				violations = append(violations, violation{pod.ID, result.ForbiddenReason, result.ForbiddenDetail})
			}
		}
	}
	return json.NewEncoder(out).Encode(violations)
}

// podsecurity judges pod templates by the restricted Pod Security Standard with Kubernetes' own evaluator, the one
// that runs in the API server's admission.
//
// Standard input: a JSON array of {"id": string, "metadata": {...}, "spec": PodSpec}.
// Standard output: a JSON array of {"id", "reason", "detail"}, one for each check that a template fails.
package main

import (
	"encoding/json"
	"fmt"
	"os"

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

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	var templates []template
	if err := json.NewDecoder(os.Stdin).Decode(&templates); err != nil {
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
	return json.NewEncoder(os.Stdout).Encode(violations)
}

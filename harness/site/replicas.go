package site

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	appsclient "k8s.io/client-go/kubernetes/typed/apps/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// What site.yaml names.
const (
	namespace  = "nov30-site"
	deployment = "site"
	replicas   = 2
)

// clients reach the cluster's API for deploying; the probes have their own, stricter ones.
type clients struct {
	apps *appsclient.AppsV1Client
	core *coreclient.CoreV1Client
}

func connect(kubeconfig string) (*clients, error) {
	if kubeconfig == "" {
		return nil, errors.New("the cluster names no kubeconfig")
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	config.QPS = -1 // no rate limit on the client's side
	config.Timeout = 10 * time.Second
	apps, err := appsclient.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	core, err := coreclient.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	return &clients{apps, core}, nil
}

// deployReplicas applies the manifests and waits for the replicas.
func deployReplicas(ctx context.Context, env Env, nonce string) error {
	api, err := connect(env.Cluster.Kubeconfig())
	if err != nil {
		return err
	}
	text, err := render("site.yaml", map[string]any{"Nonce": nonce})
	if err != nil {
		return err
	}
	if err := api.apply(ctx, text); err != nil {
		return err
	}
	if err := wait(ctx, env.Clock, env.Ready, api.replicasReady); err != nil {
		return fmt.Errorf("replicas of %s/%s: %w; %s", namespace, deployment, err, api.reasons(context.WithoutCancel(ctx)))
	}
	return nil
}

// apply applies each document of the manifests on the server's side, in their order.
func (a *clients) apply(ctx context.Context, manifests string) error {
	docs := kyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifests)))
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("site.yaml: %w", err)
		}
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		if err := a.applyOne(ctx, doc); err != nil {
			return err
		}
	}
}

func (a *clients) applyOne(ctx context.Context, doc []byte) error {
	var meta metav1.PartialObjectMetadata
	if err := yaml.Unmarshal(doc, &meta); err != nil {
		return fmt.Errorf("site.yaml: %w", err)
	}
	force := true
	options := metav1.PatchOptions{FieldManager: "nov30", Force: &force, FieldValidation: metav1.FieldValidationStrict}
	var err error
	switch meta.Kind {
	case "Namespace":
		_, err = a.core.Namespaces().Patch(ctx, meta.Name, types.ApplyPatchType, doc, options)
	case "Service":
		_, err = a.core.Services(meta.Namespace).Patch(ctx, meta.Name, types.ApplyPatchType, doc, options)
	case "Deployment":
		_, err = a.apps.Deployments(meta.Namespace).Patch(ctx, meta.Name, types.ApplyPatchType, doc, options)
	default:
		err = errors.New("a kind that the site does not use")
	}
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", meta.Kind, meta.Name, err)
	}
	return nil
}

// replicasReady is nil when exactly the replicas of the newest manifest exist and all of them are Ready.
func (a *clients) replicasReady(ctx context.Context) error {
	d, err := a.apps.Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return rolledOut(d)
}

func rolledOut(d *appsv1.Deployment) error {
	s := d.Status
	if s.ObservedGeneration < d.Generation {
		return errors.New("the deployment controller has not seen the manifest")
	}
	if s.UpdatedReplicas != replicas || s.Replicas != replicas || s.ReadyReplicas != replicas {
		return fmt.Errorf("%d of %d Ready, %d of the newest manifest, %d in all", s.ReadyReplicas, replicas, s.UpdatedReplicas, s.Replicas)
	}
	return nil
}

// reasons says why replicas are not Ready: the pods' failing conditions, their containers' states, and the newest warnings.
func (a *clients) reasons(ctx context.Context) string {
	var out []string
	pods, err := a.core.Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=site"})
	if err != nil {
		return "the pods cannot be read: " + err.Error()
	}
	if len(pods.Items) == 0 {
		out = append(out, "there is no pod")
	}
	for i := range pods.Items {
		out = append(out, podReason(&pods.Items[i]))
	}
	events, err := a.core.Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning"})
	if err != nil {
		return strings.Join(append(out, "the events cannot be read: "+err.Error()), "; ")
	}
	for _, e := range events.Items[max(0, len(events.Items)-3):] {
		out = append(out, fmt.Sprintf("%s %s: %s", e.InvolvedObject.Name, e.Reason, e.Message))
	}
	return strings.Join(out, "; ")
}

func podReason(p *corev1.Pod) string {
	out := fmt.Sprintf("pod %s on %q is %s", p.Name, p.Spec.NodeName, p.Status.Phase)
	for _, c := range p.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Message != "" {
			out += fmt.Sprintf(", %s: %s", c.Type, c.Message)
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil {
			out += fmt.Sprintf(", %s: %s", w.Reason, w.Message)
		}
		if t := c.State.Terminated; t != nil {
			out += fmt.Sprintf(", exited %d: %s", t.ExitCode, t.Message)
		}
	}
	return out
}

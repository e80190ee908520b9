// Package site puts the small website on a cluster and a real nginx in front of it, outside the cluster.
package site

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/probe"
)

// ready is how long the replicas, and then nginx, may take to answer.
const ready = 90 * time.Second

// pause is the time between two looks while waiting.
const pause = 250 * time.Millisecond

// Env is what the site is put on.
type Env struct {
	Cluster cluster.Cluster
	Engine  *engine.Engine
	Network string // the engine network of the cluster's nodes
	Image   string // image of the edge container: it has nginx, iproute2 and a shell
	Run     string // run id, the value of the label nov30.run
	Clock   clockwork.Clock
	Ready   time.Duration // how long the replicas, and then nginx, may take to answer; 0 means 90 s
}

// Site is the running site.
type Site struct {
	URL   string // http://127.0.0.1:PORT/ , through nginx
	Nonce string // what every answer carries; new for each Deploy
	Edge  string // name of the edge container

	engine *engine.Engine
	run    string
}

// Deploy applies the site's manifests with a new nonce, waits until both replicas are Ready, starts nginx, and returns when
// the site answers through it. Every wait has a deadline and its error the reason. On an error the edge container is
// removed again; the objects in the cluster stay for whoever looks for the cause. Deploying again on the same cluster
// replaces the replicas; the earlier site must have been removed.
func Deploy(ctx context.Context, env Env) (*Site, error) {
	if env.Ready == 0 {
		env.Ready = ready
	}
	nonce, err := newNonce()
	if err != nil {
		return nil, err
	}
	if err := deployReplicas(ctx, env, nonce); err != nil {
		return nil, fmt.Errorf("deploy the site: %w", err)
	}
	s := &Site{Nonce: nonce, Edge: env.Cluster.Name() + "-edge", engine: env.Engine, run: env.Run}
	if s.URL, err = startEdge(ctx, env, s.Edge); err == nil {
		err = s.answers(ctx, env)
	}
	if err != nil {
		return nil, errors.Join(err, s.Remove(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// RenewEdge replaces the edge container, whose URL may be another one then, and waits until the site answers through it. The
// replicas in the cluster are left alone.
func (s *Site) RenewEdge(ctx context.Context, env Env) error {
	if env.Ready == 0 {
		env.Ready = ready
	}
	if err := s.Remove(ctx); err != nil {
		return err
	}
	var err error
	if s.URL, err = startEdge(ctx, env, s.Edge); err != nil {
		return err
	}
	return s.answers(ctx, env)
}

// Remove removes the edge container. The objects in the cluster go with the cluster. A container that is gone already is
// no error; one of that name that belongs to another run is left alone.
func (s *Site) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := s.engine.Run(ctx, nil, "ps", "--all", "--quiet",
		"--filter", "name=^/?"+s.Edge+"$", "--filter", "label=nov30.run="+s.run)
	if err != nil {
		return fmt.Errorf("look for the edge container %s: %w", s.Edge, err)
	}
	if len(out) == 0 {
		return nil
	}
	if _, err := s.engine.Run(ctx, nil, "rm", "--force", "--volumes", s.Edge); err != nil {
		return fmt.Errorf("remove the edge container: %w", err)
	}
	return nil
}

// answers waits until the site answers through nginx with the nonce: the very check that the site probe will make.
func (s *Site) answers(ctx context.Context, env Env) error {
	check := probe.NewSite(s.URL, s.Nonce)
	err := wait(ctx, env.Clock, env.Ready, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return check.Check(ctx, env.Cluster)
	})
	if err != nil {
		return fmt.Errorf("the site does not answer at %s through %s: %w; the container's log: %s",
			s.URL, s.Edge, err, edgeLog(context.WithoutCancel(ctx), env, s.Edge))
	}
	return nil
}

// wait calls look until it returns nil or the time is up; the error is then look's last one.
func wait(ctx context.Context, clock clockwork.Clock, within time.Duration, look func(context.Context) error) error {
	deadline := clock.After(within)
	for {
		err := look(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-deadline:
			return fmt.Errorf("not within %v: %w", within, err)
		case <-clock.After(pause):
		}
	}
}

func newNonce() (string, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make a nonce: %w", err)
	}
	return hex.EncodeToString(b), nil
}

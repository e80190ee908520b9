package experiment

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/proof"
	"github.com/nov30/nov30/harness/redact"
)

// maker is what a pool has its grounds made by.
type maker interface {
	create(ctx context.Context, spec cluster.Spec, background bool) (*ground, error)
	renew(ctx context.Context, g *ground, background bool) error
	prefer(ctx context.Context, g *ground) error // a ground that was made in the background no longer yields
	delete(ctx context.Context, g *ground) error
}

// pool has the clusters of a run that no arm is using: while one is in use the next is made, or a used one is rewound. It
// never hands out one that failed its proof.
type pool struct {
	make  maker
	size  int // clusters at the same time, those in use included
	clock clockwork.Clock
	say   func(format string, args ...any)
	ctx   context.Context // of what is made in the background; ends with the pool
	end   context.CancelFunc

	mu     sync.Mutex
	exist  int // clusters that exist or are being made
	coming []*coming
	leaks  []error // why grounds were thrown away
	errs   error   // of deletions
	work   sync.WaitGroup
}

// coming is a ground that is being made; it is there when done is closed.
type coming struct {
	spec   cluster.Spec
	done   chan struct{}
	ground *ground // nil: it could not be made, or was thrown away
}

func newPool(m maker, size int, clock clockwork.Clock, say func(string, ...any)) *pool {
	ctx, end := context.WithCancel(context.Background())
	return &pool{make: m, size: max(1, size), clock: clock, say: say, ctx: ctx, end: end}
}

// clustersEach is how many clusters each process may have: two, if there is room, and a processor that no arm needs to make the
// second one on.
func clustersEach(c engine.Capacity, processes int) int {
	if c.More >= 2*processes && c.Arms > processes {
		return 2
	}
	return 1
}

// resize is for a pool that has nothing yet.
func (p *pool) resize(size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size = size
}

// source is how an arm came by its ground, and how long it waited for it.
type source struct {
	ground *ground
	new    bool // made for this arm, not by the pool
	waited time.Duration
}

// take returns a ground that nobody uses: the next that is ready or being made, else a new one. It then lets another one be made
// where there is room.
func (p *pool) take(ctx context.Context, spec cluster.Spec) (source, error) {
	start := p.clock.Now()
	for {
		c := p.next(spec)
		if c == nil {
			break
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			p.giveBack(c)
			return source{}, context.Cause(ctx)
		}
		if c.ground != nil {
			if err := p.make.prefer(ctx, c.ground); err != nil {
				return source{}, errors.Join(err, p.discard(context.WithoutCancel(ctx), c.ground))
			}
			p.prepare(spec)
			return source{ground: c.ground, waited: p.clock.Since(start)}, nil
		}
	}
	if err := p.makeRoom(ctx); err != nil {
		return source{}, err
	}
	g, err := p.make.create(ctx, spec, false)
	if err != nil {
		p.forget()
		return source{}, err
	}
	p.prepare(spec)
	return source{ground: g, new: true, waited: p.clock.Since(start)}, nil
}

// next takes the first coming ground of that shape off the list; one that is ready goes first.
func (p *pool) next(spec cluster.Spec) *coming {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := -1
	for i, c := range p.coming {
		if c.spec == spec && (found < 0 || c.ready() && !p.coming[found].ready()) {
			found = i
		}
	}
	if found < 0 {
		return nil
	}
	c := p.coming[found]
	p.coming = append(p.coming[:found], p.coming[found+1:]...)
	return c
}

func (c *coming) ready() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (p *pool) giveBack(c *coming) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.coming = append(p.coming, c)
}

// makeRoom counts one more cluster; where the pool is full a spare one, of another shape, goes for it.
func (p *pool) makeRoom(ctx context.Context) error {
	p.mu.Lock()
	p.exist++
	p.mu.Unlock()
	for spare := p.spare(); spare != nil; spare = p.spare() { // one that could not be made gave no room
		select {
		case <-spare.done:
			if err := p.discard(context.WithoutCancel(ctx), spare.ground); err != nil {
				p.forget()
				return err
			}
		case <-ctx.Done():
			p.giveBack(spare)
			p.forget()
			return context.Cause(ctx)
		}
	}
	return nil
}

// spare takes a ground off the list where there are too many.
func (p *pool) spare() *coming {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exist <= p.size || len(p.coming) == 0 {
		return nil
	}
	c := p.coming[0]
	p.coming = p.coming[1:]
	return c
}

// prepare lets another ground be made in the background, where there is room.
func (p *pool) prepare(spec cluster.Spec) {
	c := &coming{spec: spec, done: make(chan struct{})}
	if p.reserve(c) {
		p.later(c, func(ctx context.Context) (*ground, error) { return p.make.create(ctx, spec, true) })
	}
}

// reserve counts one more cluster and puts it on the list, in one: who takes meanwhile would make another one. It says whether
// there is room.
func (p *pool) reserve(c *coming) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	room := p.exist < p.size && p.ctx.Err() == nil
	if room {
		p.exist++
		p.coming = append(p.coming, c)
	}
	return room
}

// put takes a used ground back: it is made anew in the background. The pool then owns it, whatever happens.
func (p *pool) put(g *ground) {
	c := &coming{spec: g.spec, done: make(chan struct{})}
	p.giveBack(c)
	p.later(c, func(ctx context.Context) (*ground, error) {
		err := p.make.renew(ctx, g, p.size > 1)
		if err == nil {
			return g, nil
		}
		deleted := p.make.delete(context.WithoutCancel(ctx), g)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.errs = errors.Join(p.errs, deleted)
		return nil, err
	})
}

// later makes a ground of the list in the background.
func (p *pool) later(c *coming, do func(context.Context) (*ground, error)) {
	p.work.Go(func() {
		defer close(c.done)
		g, err := do(p.ctx)
		if err == nil {
			c.ground = g
			p.note(g.leak)
			return
		}
		p.forget()
		if p.ctx.Err() == nil {
			p.note(err)
		}
	})
}

// note tells what became of a ground, and keeps it if it is a leak. What cannot be rewound for another reason, an engine that does
// not answer for instance, is none.
func (p *pool) note(err error) {
	if err == nil {
		return
	}
	p.say("%s", redact.String(err.Error()))
	var different *proof.DifferentError
	if errors.As(err, &different) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leaks = append(p.leaks, err)
	}
}

// adopt makes the pool answer for a ground that it did not make: it is deleted with the pool.
func (p *pool) adopt(g *ground) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exist++
	done := make(chan struct{})
	close(done)
	p.coming = append(p.coming, &coming{spec: g.spec, done: done, ground: g})
}

// forget counts one cluster less: it was deleted, kept or not made.
func (p *pool) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exist--
}

func (p *pool) discard(ctx context.Context, g *ground) error {
	if g == nil {
		return nil
	}
	defer p.forget() // not before it is gone: another one would be made beside it
	return p.make.delete(ctx, g)
}

// close ends what is being made and deletes every cluster that no arm has. It returns what could not be deleted, and why
// grounds were thrown away. The pool of a run that was not begun is nil.
func (p *pool) close(ctx context.Context) (leaks []error, err error) {
	if p == nil {
		return nil, nil
	}
	p.end()
	p.work.Wait()
	p.mu.Lock()
	left := p.coming
	p.coming = nil
	p.mu.Unlock()
	for _, c := range left {
		err = errors.Join(err, p.discard(ctx, c.ground))
	}
	return p.leaks, errors.Join(err, p.errs)
}

package drafting

import (
	"sync"

	"ekyc/internal/pipeline"
)

// mostCompiled bounds the compiled workflows of a process; one with 200 rules takes some 500 kB.
const mostCompiled = 128

// Cache keeps compiled workflows by their hash. The zero value is empty. It is safe for concurrent use.
type Cache struct {
	mu       sync.Mutex
	compiled map[string]*pipeline.Pipeline
}

// Of gives the compiled workflow of a hash, and compiles what read gives where it is not there.
func (c *Cache) Of(hash string, read func() (*pipeline.Definition, error)) (*pipeline.Pipeline, error) {
	c.mu.Lock()
	p := c.compiled[hash]
	c.mu.Unlock()
	if p != nil {
		return p, nil
	}
	d, err := read()
	if err != nil {
		return nil, err
	}
	if p, err = pipeline.Compile(d); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.compiled == nil || len(c.compiled) >= mostCompiled {
		c.compiled = map[string]*pipeline.Pipeline{}
	}
	c.compiled[hash] = p
	return p, nil
}

// Package start runs the real service while what it needs is away, and sees what an operator sees of that: at its start and later. It has tests only.
package start

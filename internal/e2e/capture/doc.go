// Package capture goes through the hosted capture page in a real browser, with a camera that is fed from pictures. It has tests only.
package capture

// Package check validates an identity document by what was read from it: pure rules without pictures, clock or file system.
//
// Every rule is one named [ekyc.Check]. A rule whose evidence is absent answers not_applicable (the document has no such feature) or
// not_executed (it should have it, and it could not be examined), never pass. Three ways lead here, and all fill the same
// [Input]: a reading of images, the answer of an earlier reading, or bare fields and lines.
//
// Messages carry names of fields, counts, thresholds and single check digits; the personal values themselves stand in the evidence only.
package check

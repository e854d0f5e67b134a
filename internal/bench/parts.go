package bench

import "slices"

// sliceLabels are columns that identities.csv and labels.csv may have of the people on the pictures, by which errors are told apart.
var sliceLabels = []string{"age_group", "sex", "skin_tone"}

// filePart is a part of a table's files.
type filePart struct {
	half  Split
	slice string
	keeps map[string]bool // by file
}

// partsOf gives the halves of a table, unless only one of them is measured, and a part for each value of each label. key is the column by which
// the table is halved; without one it is that of liveness.
func (b *Bench) partsOf(rows []map[string]string, key string) []filePart {
	var parts []filePart
	if b.split == SplitAll {
		for _, half := range []Split{SplitReport, SplitTune} {
			part := filePart{half: half, keeps: map[string]bool{}}
			for _, row := range rows {
				at := row[key]
				if key == "" {
					at = livenessKey(row)
				}
				part.keeps[row["file"]] = half.keeps(at)
			}
			parts = append(parts, part)
		}
	}
	for _, label := range sliceLabels {
		byValue := map[string]map[string]bool{}
		var values []string
		for _, row := range rows {
			value := row[label]
			if value == "" {
				continue
			}
			if byValue[value] == nil {
				byValue[value] = map[string]bool{}
				values = append(values, value)
			}
			byValue[value][row["file"]] = true
		}
		slices.Sort(values)
		for _, value := range values {
			parts = append(parts, filePart{slice: label + "=" + value, keeps: byValue[value]})
		}
	}
	return parts
}

package bench

import "time"

// Result is what one run of the bench found, in the JSON form that is published beside the tables.
type Result struct {
	Version   string            `json:"version"`
	Models    map[string]string `json:"models"` // name to SHA-256
	Machine   Machine           `json:"machine"`
	StartedAt time.Time         `json:"started_at"`
	Seconds   float64           `json:"seconds"`
	Split     string            `json:"split,omitempty"` // tune, report or empty for all
	Face      *FaceResult       `json:"face,omitempty"`
	Liveness  *LivenessResult   `json:"liveness,omitempty"`
	Document  *DocumentResult   `json:"document,omitempty"`
	MRZ       *MRZResult        `json:"mrz,omitempty"`
	AAMVA     *AAMVAResult      `json:"aamva,omitempty"`
	Profile   *ProfileResult    `json:"profile,omitempty"`
	Hostile   *HostileResult    `json:"hostile,omitempty"`
	EXIF      *EXIFResult       `json:"exif,omitempty"`
	Reuse     *ReuseResult      `json:"reuse,omitempty"`
	Pipeline  *PipelineResult   `json:"pipeline,omitempty"`
	Files     map[string]string `json:"files,omitempty"` // per file, what went wrong with it; for --compare
}

// Machine says where the speeds were measured.
type Machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Threads int    `json:"threads"`
}

// FaceResult is the comparison of faces: per sub-folder over all pairs, and per origin over the pairs of the official protocol.
type FaceResult struct {
	Groups   map[string]FaceGroup `json:"groups"`
	Protocol map[string]FaceGroup `json:"protocol"`
	Parts    []FacePart           `json:"parts,omitempty"` // of the groups: halves of the split, and slices by label
	Latency  Latency              `json:"latency_ms"`      // of one comparison from two files
}

// FacePart is a part of a sub-folder, compared within itself.
type FacePart struct {
	Group string `json:"group"`
	Half  Split  `json:"half,omitempty"`
	Slice string `json:"slice,omitempty"` // label=value
	FaceGroup
}

// FaceGroup is one set of comparisons. A face that could not be enrolled counts as a non-match of each of its mated pairs.
type FaceGroup struct {
	Mated       int                `json:"mated"`
	NonMated    int                `json:"non_mated"`
	FailedEnrol Rate               `json:"failed_to_enrol"`
	AUC         float64            `json:"auc"`
	EER         float64            `json:"eer"`
	FNMRAtFMR   map[string]Rate    `json:"fnmr_at_fmr"` // by "0.01", "0.001", "0.0001"
	AtDefault   FaceAtDefault      `json:"at_default"`
	CosineAtFMR map[string]float64 `json:"cosine_at_fmr"`
	Quality     map[string]Rate    `json:"quality_codes,omitempty"` // share of the enrolled pictures with each code
}

// FaceAtDefault are the error rates at the threshold that the program uses unless told otherwise.
type FaceAtDefault struct {
	Threshold float64 `json:"threshold"`
	FMR       Rate    `json:"fmr"`
	FNMR      Rate    `json:"fnmr"`
}

// LivenessResult is the presentation attack detection by source of the pictures.
type LivenessResult struct {
	Groups  map[string]LivenessGroup `json:"groups"`
	Parts   []LivenessPart           `json:"parts,omitempty"` // of the groups: halves of the split, and slices by label
	Latency Latency                  `json:"latency_ms"`
}

// LivenessPart is a part of a source, or of all.
type LivenessPart struct {
	Group string `json:"group"`
	Half  Split  `json:"half,omitempty"`
	Slice string `json:"slice,omitempty"` // label=value
	LivenessGroup
}

// LivenessGroup follows ISO/IEC 30107-3: BPCER of the living, APCER per species and the worst of them. An input refused
// for quality is a BPCER error of a living face and an attack that was not accepted.
type LivenessGroup struct {
	BPCER          Rate                       `json:"bpcer"`
	APCER          map[string]Rate            `json:"apcer"`
	APCERWorst     Rate                       `json:"apcer_worst"`
	AUC            float64                    `json:"auc"`
	Refused        Rate                       `json:"refused"`
	BPCERAtAPCER10 Rate                       `json:"bpcer_at_apcer_10"`
	Zones          map[string]map[string]Rate `json:"zones"` // zone, then label
	Controls       *LivenessControls          `json:"controls,omitempty"`
}

// LivenessControls show how much of the skill is mere sharpness and how steady the verdict is.
type LivenessControls struct {
	AUCSharpnessMatched float64         `json:"auc_sharpness_matched"`
	AUCSharpnessAlone   float64         `json:"auc_sharpness_alone"`
	Flips               map[string]Rate `json:"flips"` // by perturbation: the share of verdicts that it changes
}

// DocumentResult is the reading of documents.
type DocumentResult struct {
	Images            int               `json:"images"`
	MRZ               DocumentMRZ       `json:"mrz"`
	Type              Rate              `json:"type"`
	Country           Rate              `json:"country"`
	Fields            map[string]Rate   `json:"fields"`
	Visual            *VisualResult     `json:"visual,omitempty"` // nil where no label says what is printed
	NegativesAccepted Rate              `json:"negatives_accepted"`
	Latency           Latency           `json:"latency_ms"`
	Places            PlaceResult       `json:"places,omitempty"` // of generated photographs
	Alterations       *AlterationResult `json:"alterations,omitempty"`
}

// DocumentMRZ are the rates over the images that show a machine readable zone.
type DocumentMRZ struct {
	Present       int     `json:"present"`
	Exact         Rate    `json:"exact"` // every character of every line
	AllChecksHold Rate    `json:"all_checks_hold"`
	FalseValid    Rate    `json:"false_valid"`    // reported valid while a covered field is wrong
	ValidReported Rate    `json:"valid_reported"` // of those printed valid
	NameErrors    Rate    `json:"name_errors"`    // of names reported with confidence 0.9 or more
	NameCoverage  Rate    `json:"name_coverage"`  // names reported with confidence 0.9 or more
	LatencyMRZ    Latency `json:"latency_ms"`     // of the MRZ-only read
}

// MRZResult is the parsing of lines of text.
type MRZResult struct {
	Vectors  Rate            `json:"vectors"`
	ByFormat map[string]Rate `json:"by_format"`
}

// AAMVAResult is the parsing of licence payloads and the reading of PDF417 symbols.
type AAMVAResult struct {
	Fields   Rate `json:"fields"`
	Payloads Rate `json:"payloads"`
	Barcodes Rate `json:"barcodes"`
}

// HostileResult is what hostile files did.
type HostileResult struct {
	AsExpected Rate    `json:"as_expected"`
	Crashes    int     `json:"crashes"`
	PeakRSSMB  float64 `json:"peak_rss_mb"`
}

// EXIFResult is the removal of metadata and the turning upright.
type EXIFResult struct {
	Clean   Rate `json:"clean"`
	Upright Rate `json:"upright"`
}

// PipelineResult is the speed of whole verifications of generated 12-megapixel photographs from file bytes.
type PipelineResult struct {
	Latency   Latency            `json:"latency_ms"`
	PerSecond float64            `json:"per_second"`
	Stages    map[string]Latency `json:"stages_ms"`
	Models    map[string]Latency `json:"models_ms"` // bare time inside the models, by model
	ReadyMS   float64            `json:"ready_ms"`
	RSSMB     float64            `json:"rss_mb"`
}

package specimen

import (
	"image/color"
	"math"

	"ekyc/internal/vision"
)

// backgrounds are what documents lie on.
var backgrounds = []string{"wood", "dark wood", "cloth", "stone", "desk", "paper", "mottled"}

// patterns are grounds with straight edges of their own, for the scene Patterned; scannerLid is what is white beside a scanned sheet.
var patterns = []string{"chequered", "striped", "tiled", "planks"}

const scannerLid = "scanner"

// textureShare: textures are drawn at this share of the frame's size and scaled up; the camera's own grain gives the finest detail.
const textureShare = 4

// background fills a frame with a texture.
func background(name string, width, height int, seed uint64) *vision.RGB {
	t := &texture{salt: chance(seed, "background").Uint64(), unit: 1000 / float64(max(width, height)) * textureShare}
	small := vision.NewRGB(max(2, width/textureShare), max(2, height/textureShare))
	shade := t.shader(name)
	rows(small.Height, func(from, to int) {
		for y := from; y < to; y++ {
			for x := range small.Width {
				k := shade(float64(x)*t.unit, float64(y)*t.unit)
				p := small.Pix[3*(y*small.Width+x):]
				p[0], p[1], p[2] = k.R, k.G, k.B
			}
		}
	})
	return small.Resize(width, height)
}

// texture is a source of smooth noise. Its coordinates run to 1000 over the longer side of the frame.
type texture struct {
	salt uint64
	unit float64
}

// shader gives the colour of a texture at a place.
func (t *texture) shader(name string) func(x, y float64) color.RGBA {
	switch name {
	case "wood":
		return t.wood(rgbOf(0x8A5A33), rgbOf(0xC79A66))
	case "dark wood":
		return t.wood(rgbOf(0x2C1A12), rgbOf(0x5C3A26))
	case "cloth":
		base := t.tone(0x2F4A63, 0x6B3A3A, 0x3E5A3E)
		return func(x, y float64) color.RGBA {
			weave := math.Sin(x*1.3)*math.Sin(y*1.3)*0.5 + 0.5
			return mix(mix(base, color.RGBA{255, 255, 255, 255}, 0.10*weave), color.RGBA{A: 255}, 0.25*t.layers(x/160, y/160, 3))
		}
	case "stone":
		return func(x, y float64) color.RGBA {
			vein := math.Abs(math.Sin(x/70 + 5*t.layers(x/200, y/200, 4)))
			return mix(rgbOf(0x9A9A98), rgbOf(0xD8D6D0), math.Pow(vein, 0.6))
		}
	case "paper":
		return func(x, y float64) color.RGBA {
			return mix(rgbOf(0xE6E4DE), rgbOf(0xD2D0CA), t.layers(x/300, y/300, 4))
		}
	case "mottled":
		base := t.tone(0x4A5A4A, 0x5A4A5A, 0x44505C)
		return func(x, y float64) color.RGBA {
			return mix(base, rgbOf(0xC8C0B4), t.layers(x/60, y/60, 4))
		}
	}
	if shade := t.pattern(name); shade != nil {
		return shade
	}
	base := t.tone(0x39424E, 0x8C8F92, 0x1E2022)
	return func(x, y float64) color.RGBA {
		return mix(base, color.RGBA{255, 255, 255, 255}, 0.12*t.layers(x/120, y/120, 4))
	}
}

// pattern gives the colour of a ground with straight edges, turned by a seeded angle; nil for another ground.
func (t *texture) pattern(name string) func(x, y float64) color.RGBA {
	sin, cos := math.Sincos(math.Pi * float64(t.salt>>8%1000) / 1000)
	turned := func(x, y float64) (u, v float64) { return x*cos + y*sin, y*cos - x*sin }
	light, dark := rgbOf(0xE8E2D6), t.tone(0xA03030, 0x2E5A8A, 0x3C6B45, 0x505050)
	band := func(u, width float64) bool { return math.Mod(math.Abs(u), 2*width) < width }
	switch name {
	case "chequered":
		return func(x, y float64) color.RGBA {
			u, v := turned(x+5000, y+5000)
			across := 0.0
			for _, b := range [2]bool{band(u, 45), band(v, 45)} {
				if b {
					across += 0.5
				}
			}
			return mix(light, dark, 0.85*across+0.1*t.noise(x/3, y/3))
		}
	case "striped":
		return func(x, y float64) color.RGBA {
			u, _ := turned(x+5000, y+5000)
			if band(u, 28) {
				return mix(dark, light, 0.1*t.noise(x/3, y/3))
			}
			return light
		}
	case "tiled":
		return func(x, y float64) color.RGBA {
			u, v := turned(x+5000, y+5000)
			const tile, joint = 130, 3
			if math.Mod(math.Abs(u), tile) < joint || math.Mod(math.Abs(v), tile) < joint {
				return rgbOf(0x6A6660)
			}
			return mix(rgbOf(0xD9D4CA), rgbOf(0xBFB8AC), t.layers(x/90, y/90, 3))
		}
	case "planks":
		return func(x, y float64) color.RGBA {
			_, v := turned(x+5000, y+5000)
			const plank, joint = 95, 2.5
			if math.Mod(math.Abs(v), plank) < joint {
				return rgbOf(0x2A1C12)
			}
			return mix(rgbOf(0x9A6B3F), rgbOf(0xC79A66), 0.6*t.noise(math.Floor(v/plank)*7, 3)+0.4*t.layers(x/300, y/60, 3))
		}
	case scannerLid:
		return func(x, y float64) color.RGBA { return rgbOf(0xFBFBFA) }
	}
	return nil
}

// tone picks one of some colours by the salt.
func (t *texture) tone(colours ...uint32) color.RGBA {
	return rgbOf(colours[t.salt%uint64(len(colours))])
}

// wood is boards with rings and fibres.
func (t *texture) wood(dark, light color.RGBA) func(x, y float64) color.RGBA {
	return func(x, y float64) color.RGBA {
		board := math.Floor(y / 170)
		if seam := y - board*170; seam < 1.6 {
			return mix(dark, color.RGBA{A: 255}, 0.5)
		}
		ring := math.Sin(6 * t.layers(x/420+board*7.3, y/55, 3) * math.Pi)
		fibre := t.noise(x/40+board*11, y/1.7)
		return mix(dark, light, 0.5+0.3*ring+0.3*(fibre-0.5)+0.15*(t.noise(board*5.1, 3)-0.5))
	}
}

// layers sums octaves of noise, each half as strong and twice as fine; the result lies within 0 and 1.
func (t *texture) layers(x, y float64, octaves int) float64 {
	sum, weight, total := 0.0, 1.0, 0.0
	for range octaves {
		sum += weight * t.noise(x, y)
		total += weight
		weight, x, y = weight/2, 2*x+31.7, 2*y+17.3
	}
	return sum / total
}

// noise interpolates random values of a lattice smoothly, 0 to 1.
func (t *texture) noise(x, y float64) float64 {
	x0, y0 := math.Floor(x), math.Floor(y)
	fx, fy := x-x0, y-y0
	fx, fy = fx*fx*(3-2*fx), fy*fy*(3-2*fy)
	i, j := int64(x0), int64(y0)
	top := t.lattice(i, j)*(1-fx) + t.lattice(i+1, j)*fx
	return top*(1-fy) + (t.lattice(i, j+1)*(1-fx)+t.lattice(i+1, j+1)*fx)*fy
}

// lattice is a random value per point: the finalizer of SplitMix64 over the coordinates.
func (t *texture) lattice(i, j int64) float64 {
	h := t.salt ^ uint64(i)*0x9E3779B97F4A7C15 ^ uint64(j)*0xC2B2AE3D27D4EB4F
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return float64((h^h>>31)>>11) / (1 << 53)
}

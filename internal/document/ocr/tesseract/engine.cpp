#include "engine.h"

#include <tesseract/capi.h>

#include <omp.h>

#include <cstring>
#include <memory>

struct ekyc_engine {
	TessBaseAPI *api;
};

namespace {

using namespace tesseract; // the C header's enumerations lie in it when it is read as C++

constexpr int resolution = 300; // dots per inch, what Tesseract is told when an image names none; only its messages depend on it

// Tesseract's parallel regions ask for up to four threads each, whatever number is set, and lose time with them on a single line.
// Where no region may be active each runs on the thread that meets it. The setting is the calling thread's own.
void oneThread()
{
	omp_set_max_active_levels(0);
}

bool fill(ekyc_glyph &glyph, const TessResultIterator *it, const TessPageIterator *place)
{
	const std::unique_ptr<char, decltype(&TessDeleteText)> text(TessResultIteratorGetUTF8Text(it, RIL_SYMBOL), &TessDeleteText);
	if (text == nullptr)
		return false;
	const size_t length = std::strlen(text.get());
	if (length == 0 || length >= sizeof(glyph.text))
		return false;
	std::memcpy(glyph.text, text.get(), length + 1);
	int top = 0, bottom = 0;
	if (!TessPageIteratorBoundingBox(place, RIL_SYMBOL, &glyph.left, &top, &glyph.right, &bottom))
		return false;
	glyph.confidence = TessResultIteratorConfidence(it, RIL_SYMBOL);
	return true;
}

// Walks the glyphs of what was recognised, in reading order.
int collect(TessResultIterator *it, ekyc_glyph *out, int capacity)
{
	const TessPageIterator *place = TessResultIteratorGetPageIteratorConst(it);
	int count = 0;
	bool starts = false;
	do {
		starts = starts || TessPageIteratorIsAtBeginningOf(place, RIL_WORD);
		ekyc_glyph glyph{};
		if (!fill(glyph, it, place))
			continue;
		glyph.starts_word = starts ? 1 : 0;
		starts = false;
		out[count++] = glyph;
	} while (count < capacity && TessResultIteratorNext(it, RIL_SYMBOL));
	return count;
}

int recognise(TessBaseAPI *api, ekyc_glyph *out, int capacity)
{
	if (TessBaseAPIRecognize(api, nullptr) != 0)
		return EKYC_ENGINE_FAILED;
	const std::unique_ptr<TessResultIterator, decltype(&TessResultIteratorDelete)> it(TessBaseAPIGetIterator(api), &TessResultIteratorDelete);
	return it == nullptr ? 0 : collect(it.get(), out, capacity);
}

} // namespace

extern "C" ekyc_engine *ekyc_engine_open(const char *directory, const char *script, int *status)
{
	// The network is read without the pack's word list. On lines of names it gains nothing (202 wrong of 4,662 characters without it,
	// 207 with it), and it is most of an engine's memory and of the time to open one. load_system_dawg does not reach the networks'
	// word lists; lstm_use_matrix does.
	char name[] = "lstm_use_matrix", value[] = "0";
	char *names[] = {name}, *values[] = {value};
	*status = EKYC_ENGINE_FAILED;
	try {
		oneThread();
		std::unique_ptr<TessBaseAPI, decltype(&TessBaseAPIDelete)> api(TessBaseAPICreate(), &TessBaseAPIDelete);
		TessBaseAPISetVariable(api.get(), "debug_file", "/dev/null"); // complaints go to the caller as a status, not to standard error
		if (TessBaseAPIInit4(api.get(), directory, script, OEM_LSTM_ONLY, nullptr, 0, names, values, 1, 0) != 0) {
			*status = EKYC_ENGINE_NO_DATA;
			return nullptr;
		}
		TessBaseAPISetPageSegMode(api.get(), PSM_SINGLE_LINE);
		auto *engine = new ekyc_engine{api.get()};
		api.release();
		*status = 0;
		return engine;
	} catch (...) {
		return nullptr;
	}
}

extern "C" void ekyc_engine_close(ekyc_engine *engine)
{
	if (engine == nullptr)
		return;
	try {
		TessBaseAPIDelete(engine->api);
	} catch (...) {
	}
	delete engine;
}

extern "C" int ekyc_engine_line(ekyc_engine *engine, const uint8_t *gray, int width, int height, ekyc_glyph *out, int capacity)
{
	try {
		oneThread();
		TessBaseAPISetImage(engine->api, gray, width, height, 1, width);
		TessBaseAPISetSourceResolution(engine->api, resolution);
		const int count = recognise(engine->api, out, capacity);
		TessBaseAPIClear(engine->api);
		return count;
	} catch (...) {
		return EKYC_ENGINE_FAILED;
	}
}

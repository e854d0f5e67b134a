#define ZX_USE_UTF8 1

#include "zxing.h"

#include <ReadBarcode.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace {

int formatOf(ZXing::BarcodeFormat format)
{
	switch (format) {
	case ZXing::BarcodeFormat::PDF417: return 1;
	case ZXing::BarcodeFormat::QRCode: return 2;
	case ZXing::BarcodeFormat::Aztec: return 3;
	default: return 0;
	}
}

// Copies bytes into memory of C, at least one byte so that empty is told from failed.
void *copied(const void *data, size_t length)
{
	void *memory = std::malloc(length + 1);
	if (memory != nullptr && length > 0)
		std::memcpy(memory, data, length);
	return memory;
}

bool fill(ekyc_symbol &symbol, const ZXing::Result &result)
{
	const auto &bytes = result.bytes();
	const std::string text = result.text();
	symbol.format = formatOf(result.format());
	symbol.length = bytes.size();
	symbol.bytes = static_cast<unsigned char *>(copied(bytes.data(), bytes.size()));
	symbol.text_length = text.size();
	symbol.text = static_cast<char *>(copied(text.data(), text.size()));
	for (int i = 0; i < 4; i++) {
		symbol.corners[2 * i] = result.position()[i].x;
		symbol.corners[2 * i + 1] = result.position()[i].y;
	}
	return symbol.bytes != nullptr && symbol.text != nullptr;
}

} // namespace

extern "C" int ekyc_symbols_read(const uint8_t *gray, int width, int height, int stride, int rotate, int global, ekyc_symbol *out, int capacity)
{
	int count = 0;
	try {
		ZXing::DecodeHints hints;
		hints.setFormats(ZXing::BarcodeFormat::PDF417 | ZXing::BarcodeFormat::QRCode | ZXing::BarcodeFormat::Aztec);
		hints.setTryHarder(true);
		hints.setTryRotate(rotate != 0);
		hints.setTryDownscale(false); // the caller chooses the scales
		hints.setMaxNumberOfSymbols(static_cast<uint8_t>(capacity));
		hints.setBinarizer(global != 0 ? ZXing::Binarizer::GlobalHistogram : ZXing::Binarizer::LocalAverage);
		const ZXing::ImageView view(gray, width, height, ZXing::ImageFormat::Lum, stride);
		for (const auto &result : ZXing::ReadBarcodes(view, hints)) {
			if (count == capacity)
				break;
			if (!result.isValid() || formatOf(result.format()) == 0)
				continue;
			out[count] = ekyc_symbol{};
			count++;
			if (!fill(out[count - 1], result)) {
				ekyc_symbols_free(out, count);
				return -1;
			}
		}
		return count;
	} catch (...) {
		ekyc_symbols_free(out, count);
		return -1;
	}
}

extern "C" void ekyc_symbols_free(ekyc_symbol *symbols, int count)
{
	for (int i = 0; i < count; i++) {
		std::free(symbols[i].bytes);
		std::free(symbols[i].text);
		symbols[i].bytes = nullptr;
		symbols[i].text = nullptr;
	}
}

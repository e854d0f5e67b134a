"""The line network: a small convolutional reader that keeps one class distribution every four pixels."""

import torch
from torch import nn

from alphabet import CLASS_COUNT

NORMALISATION_FLOOR = 4.0  # grey levels squared: keeps an empty crop from becoming amplified noise


def convolution(inputs, outputs, kernel, stride=1, padding=0):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class LineNetwork(nn.Module):
    """Grey values 0..255 [B,1,32,736] to class scores [B,38,184].

    Every convolution before `column` keeps rows apart; `column` then folds the four remaining rows into one vector a
    frame. The two context layers see five frames each (about a character either side), too little to learn a language.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            convolution(1, 24, 5, 2, 2),  # 16 x 368
            convolution(24, 40, 3, 2, 1),  # 8 x 184
            convolution(40, 64, 3, 1, 1),
            convolution(64, 80, 3, (2, 1), 1),  # 4 x 184
        )
        self.column = convolution(80, 128, (4, 3), 1, (0, 1))  # 1 x 184
        self.context = nn.ModuleList(convolution(128, 128, (1, 5), 1, (0, 2)) for _ in range(2))
        self.dropout = nn.Dropout(0.1)
        self.classes = nn.Conv2d(128, CLASS_COUNT, 1)

    def forward(self, grey):
        frames = self.column(self.features(standardised(grey)))
        for layer in self.context:
            frames = frames + layer(frames)
        return self.classes(self.dropout(frames)).squeeze(2)


def standardised(grey):
    """Each crop with mean 0 and deviation 1, so that exposure and contrast do not matter."""
    centred = grey - grey.mean((2, 3), keepdim=True)
    variance = (centred * centred).mean((2, 3), keepdim=True)
    return centred / (variance + NORMALISATION_FLOOR).sqrt()


class LogProbabilities(nn.Module):
    """The exported form: log-probabilities [B,184,38]."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return torch.log_softmax(self.network(x), 1).transpose(1, 2)

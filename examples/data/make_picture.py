#!/usr/bin/env python3
"""Draws picture.ppm: a lighthouse by night, 288 x 216. `make_picture.py FILE` gives the same bytes each time."""

import math
import pathlib
import sys

WIDTH, HEIGHT = 288, 216
HORIZON = 150
LAMP = (196, 62)


def mix(a, b, share):
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b))


def noise(x, y):
    """A repeatable number from 0 to 1 for a place; no generator whose algorithm may change."""
    value = (x * 374761393 + y * 668265263) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((value ^ (value >> 16)) & 0xFFFF) / 0xFFFF


def sky(x, y):
    colour = mix((8, 12, 38), (58, 66, 112), y / HORIZON)
    if noise(x, y) > 0.997 and y < 120:
        return (235, 235, 220)
    if (x - 60) ** 2 + (y - 48) ** 2 < 20**2 and (x - 69) ** 2 + (y - 44) ** 2 > 17**2:
        return (240, 236, 208)
    return colour


def sea(x, y):
    depth = (y - HORIZON) / (HEIGHT - HORIZON)
    wave = math.sin(x / (5 + 14 * depth) + 3 * math.sin(y / 3.0)) * 0.5 + 0.5
    glint = max(0.0, 1 - abs(x - LAMP[0]) / (10 + 60 * depth)) * wave
    return mix(mix((16, 26, 58), (6, 12, 30), depth), (214, 190, 110), 0.6 * glint)


def beam(x, y):
    """How much of the lamp's light is seen at a place, from 0 to 1."""
    dx, dy = x - LAMP[0], y - LAMP[1]
    distance = math.hypot(dx, dy)
    angle = abs(math.atan2(dy, -dx) + 0.16)
    ray = max(0.0, 1 - angle / 0.13) * max(0.0, 1 - distance / 230)
    return min(1.0, 0.75 * ray + max(0.0, 1 - distance / 26) ** 2)


def tower(x, y):
    """The colour of the tower or its rock, or None beside it."""
    middle, foot = LAMP[0], 166
    if LAMP[1] - 7 <= y < LAMP[1] + 7 and abs(x - middle) <= 7:
        return (255, 240, 170) if abs(x - middle) <= 5 else (40, 40, 48)
    if LAMP[1] - 15 <= y < LAMP[1] - 7 and abs(x - middle) <= (y - LAMP[1] + 16):
        return (120, 34, 34)
    half = 9 + (y - LAMP[1]) * 0.09
    if LAMP[1] + 7 <= y < foot and abs(x - middle) <= half:
        stripe = (y - LAMP[1]) // 20 % 2 == 0
        shade = 0.55 * (x - middle + half) / (2 * half)
        return mix((226, 222, 210) if stripe else (170, 44, 40), (20, 20, 34), shade)
    rock = 38 - 0.02 * (x - middle - 6) ** 2 + 4 * noise(x // 3, 7)
    if y >= foot + 12 - rock * 0.6 and abs(x - middle) < 44 and y < foot + 14:
        return mix((44, 40, 44), (20, 18, 24), noise(x // 2, y // 2))
    return None


def pixel(x, y):
    colour = tower(x, y)
    if colour is not None:
        return colour
    behind = sky(x, y) if y < HORIZON else sea(x, y)
    return mix(behind, (255, 236, 160), beam(x, y))


def main(path):
    samples = bytearray()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            samples += bytes(pixel(x, y))
    pathlib.Path(path).write_bytes(b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + samples)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_picture.py FILE")
    main(sys.argv[1])

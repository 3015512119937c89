/* Discrete Gaussian noise from a seed, in whole numbers only, for aggregate.c.
 *
 * The sampler is that of Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms
 * 1 to 3: exact, so nothing of the noise is lost to rounding. Its coins are blocks SHA-256(key, counter), as good as
 * random ones for whoever does not know the key.
 */
#ifndef NOISE_H
#define NOISE_H

#include "fixed.h"

enum {
    DIGEST_BYTES = 32,
    DRAW_BYTES = 16,
    /* A Laplace draw with more steps is made anew; its chance is e^-100, and squares stay within 128 bits. */
    STEPS_MAX = 100,
};

/* 16.0 as a `fixed`. With it and STEPS_MAX, no product of `gaussian` leaves 128 bits. */
static const uint64_t SIGMA_MAX = (uint64_t)1 << 28;

struct hash {
    uint32_t state[8];
    uint8_t block[64];
    uint64_t bytes;
};

struct noise {
    uint8_t key[DIGEST_BYTES], block[DIGEST_BYTES];
    uint64_t blocks;
    size_t used;
};

static inline uint32_t turn(uint32_t value, int by)
{
    return value >> by | value << (32 - by);
}

static inline void hash_block(struct hash *hash)
{
    static const uint32_t constants[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    };
    uint32_t words[64], s[8];
    for (int at = 0; at < 16; at++)
        words[at] = (uint32_t)hash->block[4 * at] << 24 | (uint32_t)hash->block[4 * at + 1] << 16 |
                    (uint32_t)hash->block[4 * at + 2] << 8 | hash->block[4 * at + 3];
    for (int at = 16; at < 64; at++) {
        uint32_t a = words[at - 15], b = words[at - 2];
        words[at] = words[at - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + words[at - 7] +
                    (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
    memcpy(s, hash->state, sizeof s);
    for (int at = 0; at < 64; at++) {
        uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                       constants[at] + words[at];
        uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int at = 0; at < 8; at++)
        hash->state[at] += s[at];
}

/* SHA-256, FIPS 180-4. */
static inline struct hash hash_new(void)
{
    return (struct hash){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
                                   0x5be0cd19}};
}

static inline void hash_add(struct hash *hash, const void *bytes, size_t length)
{
    for (const uint8_t *at = bytes; length > 0; at++, length--) {
        hash->block[hash->bytes++ % sizeof hash->block] = *at;
        if (hash->bytes % sizeof hash->block == 0)
            hash_block(hash);
    }
}

/* Adds a number as 8 bytes, the highest first. */
static inline void hash_add_number(struct hash *hash, uint64_t number)
{
    uint8_t bytes[8];
    for (int at = 0; at < 8; at++)
        bytes[at] = (uint8_t)(number >> (56 - 8 * at));
    hash_add(hash, bytes, sizeof bytes);
}

static inline void hash_end(struct hash *hash, uint8_t *digest)
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = hash->bytes * 8;
    hash_add(hash, padding, 1 + (119 - hash->bytes % 64) % 64);
    hash_add_number(hash, bits);
    for (int at = 0; at < DIGEST_BYTES; at++)
        digest[at] = (uint8_t)(hash->state[at / 4] >> (24 - 8 * (at % 4)));
}

static inline void hash_of(const void *bytes, size_t length, uint8_t *digest)
{
    struct hash hash = hash_new();
    hash_add(&hash, bytes, length);
    hash_end(&hash, digest);
}

static inline struct noise noise_new(const uint8_t *key)
{
    struct noise noise = {.used = DIGEST_BYTES};
    memcpy(noise.key, key, DIGEST_BYTES);
    return noise;
}

/* One of 0 to limit - 1, all equally likely. */
static inline unsigned_wide uniform(struct noise *noise, unsigned_wide limit)
{
    unsigned_wide mask = limit - 1, value;
    for (int by = 1; by < 128; by *= 2)
        mask |= mask >> by;
    do {
        if (noise->used == DIGEST_BYTES) {
            struct hash hash = hash_new();
            hash_add(&hash, noise->key, DIGEST_BYTES);
            hash_add_number(&hash, noise->blocks++);
            hash_end(&hash, noise->block);
            noise->used = 0;
        }
        value = 0;
        for (int at = 0; at < DRAW_BYTES; at++)
            value = value << 8 | noise->block[noise->used++];
        value &= mask;
    } while (value >= limit);
    return value;
}

/* True with the chance e^-(top / bottom), for a fraction of at most 1. That k exceeds 40 has a chance below 1 / 40!. */
static inline bool coin_of_part(struct noise *noise, unsigned_wide top, unsigned_wide bottom)
{
    unsigned k = 1;
    while (uniform(noise, bottom * k) < top)
        k++;
    return k % 2 == 1;
}

/* True with the chance e^-(top / bottom). */
static inline bool coin(struct noise *noise, unsigned_wide top, unsigned_wide bottom)
{
    for (; top > bottom; top -= bottom)
        if (!coin_of_part(noise, 1, 1))
            return false;
    return coin_of_part(noise, top, bottom);
}

/* A whole number y with a chance in proportion to e^-(|y| / scale). */
static inline int64_t laplace(struct noise *noise, uint64_t scale)
{
    for (;;) {
        uint64_t low = (uint64_t)uniform(noise, scale), steps = 0;
        if (!coin(noise, low, scale))
            continue;
        while (steps <= STEPS_MAX && coin(noise, 1, 1))
            steps++;
        bool negative = uniform(noise, 2) == 1;
        int64_t size = (int64_t)(low + scale * steps);
        if (steps > STEPS_MAX || (negative && size == 0))
            continue;
        return negative ? -size : size;
    }
}

/* A whole number y with a chance in proportion to e^-(y^2 / 2 sigma^2); sigma is 1 to SIGMA_MAX. */
static inline int64_t gaussian(struct noise *noise, uint64_t sigma)
{
    uint64_t scale = sigma + 1;
    unsigned_wide square = (unsigned_wide)sigma * sigma;
    for (;;) {
        int64_t drawn = laplace(noise, scale);
        unsigned_wide far = (unsigned_wide)(drawn < 0 ? -drawn : drawn) * scale;
        far = far > square ? far - square : square - far;
        if (coin(noise, far * far, 2 * square * scale * scale))
            return drawn;
    }
}

#endif

/* The gradients of the transport and the density cost (costs.py has the equations and their sources), each pair of
   neurons visited once: what PyTorch does in a dozen passes over all pairs, a processor does while a row of them is in
   its registers.

   Positions are planes, (networks, dim, units): the coordinates of one axis lie together, `axis` numbers apart from
   those of the next, and the planes of two networks `plane` numbers apart. Pulls, the gradients by positions, lie in the
   same way, and are added to. Coincident neurons do not pull at each other. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* exp(x) for x <= 0, to float32's last digit but one, in operations that a processor does for many numbers at once:
   2^n times the series of the rest, |rest| <= ln 2 / 2. */
static inline float exp_negative(float x)
{
    x = x < -87.0f ? -87.0f : x; /* below, it is no normal number */
    const float n = rintf(x * 1.44269504f);
    const float rest = x - n * 0.693359375f + n * 2.12194440e-4f; /* ln 2 in two parts */
    float series = 1.0f / 5040;
    series = series * rest + 1.0f / 720;
    series = series * rest + 1.0f / 120;
    series = series * rest + 1.0f / 24;
    series = series * rest + 1.0f / 6;
    series = series * rest + 0.5f;
    series = series * rest + 1;
    series = series * rest + 1;
    const union { int32_t bits; float number; } power = {((int32_t)n + 127) << 23}; /* 2^n */
    return series * power.number;
}

/* Write the squared distances of a neuron to all others. */
static void square_distances(long dim, long others, const float *one, const float *other, long axis, float *square)
{
    memset(square, 0, others * sizeof(float));
    for (long k = 0; k < dim; k++) {
        const float here = one[k * axis], *there = other + k * axis;
#pragma omp simd
        for (long j = 0; j < others; j++)
            square[j] += (here - there[j]) * (here - there[j]);
    }
}

/* Add what the connections of some sources of one network cost. `row` has room for a number of each target. */
static void transport_rows(long first, long end, long targets, long dim, int squared, float factor, float share,
                           const float *weight, float *gradient, const float *source, const float *target, long axis,
                           float *source_pull, float *target_pull, long target_axis, float *row)
{
    for (long i = first; i < end; i++) {
        const float *w = weight + i * targets;
        float *by_weight = gradient + i * targets;
        square_distances(dim, targets, source + i, target, axis, row);
#pragma omp simd
        for (long j = 0; j < targets; j++) {
            const float distance = sqrtf(row[j]);
            const float size = squared ? w[j] * w[j] : fabsf(w[j]);
            const float slope = squared ? 2 * w[j] : (float)(w[j] > 0) - (float)(w[j] < 0);
            by_weight[j] += factor * slope * distance;
            row[j] = distance > 0 ? share * size / distance : 0;
        }
        for (long k = 0; k < dim; k++) {
            const float here = source[k * axis + i], *there = target + k * axis;
            float *back = target_pull + k * target_axis;
            float total = 0;
#pragma omp simd reduction(+ : total)
            for (long j = 0; j < targets; j++) {
                const float pull = row[j] * (here - there[j]);
                total += pull;
                back[j] -= pull;
            }
            source_pull[k * axis + i] += total;
        }
    }
}

/* Add the gradients of share · Σ strength · distance, and of factor times that for the weights, of every network.

   weight, gradient: (networks, sources, targets). Returns 0, or 1 if there is no memory. */
int transport(long networks, long sources, long targets, long dim, long plane, long axis, int squared, int threads,
              float share, const float *factor, const float *weight, float *gradient, const float *source,
              const float *target, float *source_pull, float *target_pull)
{
    /* With fewer networks than threads, each has its sources divided among some; what these pull at the targets is kept
       apart and added in order, so that the same threads give the same numbers. */
    const long parts = networks >= threads ? 1 : (threads + networks - 1) / networks;
    const long own = (dim + 1) * targets;
    float *memory = calloc(networks * parts * own, sizeof(float));
    if (!memory)
        return 1;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long task = 0; task < networks * parts; task++) {
        const long n = task / parts, part = task % parts;
        float *row = memory + task * own, *back = row + targets;
        transport_rows(sources * part / parts, sources * (part + 1) / parts, targets, dim, squared, factor[n] * share,
                       share, weight + n * sources * targets, gradient + n * sources * targets, source + n * plane,
                       target + n * plane, axis, source_pull + n * plane, back, targets, row);
    }
    for (long task = 0; task < networks * parts; task++)
        for (long k = 0; k < dim; k++)
            for (long j = 0; j < targets; j++)
                target_pull[task / parts * plane + k * axis + j] += memory[task * own + (k + 1) * targets + j];
    free(memory);
    return 0;
}

/* Add the gradient of share · Σ exp(−distance) over all ordered pairs of a layer, and that sum, of every network.

   total: (networks). Returns 0, or 1 if there is no memory. */
int density(long networks, long units, long dim, long plane, long axis, int threads, float share,
            const float *position, float *pull, float *total)
{
    float *memory = malloc((networks * units + threads * units) * sizeof(float)), *sums = memory + threads * units;
    if (!memory)
        return 1;
#pragma omp parallel num_threads(threads)
    {
#ifdef _OPENMP
        extern int omp_get_thread_num(void);
        float *row = memory + omp_get_thread_num() * units;
#else
        float *row = memory;
#endif
#pragma omp for schedule(static)
        for (long task = 0; task < networks * units; task++) {
            const long n = task / units, i = task % units;
            const float *own = position + n * plane;
            float sum = 0;
            square_distances(dim, units, own + i, own, axis, row);
#pragma omp simd reduction(+ : sum)
            for (long j = 0; j < units; j++) {
                const float distance = sqrtf(row[j]);
                const float closeness = exp_negative(-distance);
                sum += closeness;
                row[j] = distance > 0 ? closeness / distance : 0;
            }
            sums[task] = sum;
            for (long k = 0; k < dim; k++) {
                const float here = own[k * axis + i], *there = own + k * axis;
                float force = 0;
#pragma omp simd reduction(+ : force)
                for (long j = 0; j < units; j++)
                    force += row[j] * (here - there[j]);
                /* Every pair counts twice in the sum, once from either side. */
                pull[n * plane + k * axis + i] -= 2 * share * force;
            }
        }
    }
    for (long n = 0; n < networks; n++) {
        double sum = 0;
        for (long i = 0; i < units; i++)
            sum += sums[n * units + i];
        total[n] += share * (float)sum;
    }
    free(memory);
    return 0;
}

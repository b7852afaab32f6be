/* The transport and the density cost of a batch of networks, with their gradients (costs.py has the equations and their
   sources), each pair of neurons visited once: what PyTorch does in a dozen passes over all pairs, a processor does
   while a row of them is in its registers.

   Positions are laid out as planes, (networks, dim, units): the coordinates of one axis lie together. Pulls, the gradients
   by positions, lie in the same way. Coincident neurons do not pull at each other. */

#include <math.h>
#include <omp.h>
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

/* A penalised layer. */
struct layer {
    const float *weight; /* from its source, (networks, sources, targets) */
    float *gradient;     /* by those weights; is added to */
    long sources, targets, source, target; /* how many neurons, and which is the first of them in a plane */
    float transport_share, density_share;  /* what sums over pairs are multiplied by */
};

/* What every layer shares. */
struct batch {
    long networks, units, dim; /* units: the neurons of all layers */
    int squared, threads;      /* strength: w² or |w| */
    const float *transport, *density;          /* α and β, (networks) */
    const float *position;                     /* (networks, units, dim) */
    float *gradient;                           /* by positions; is replaced */
    float *plane, *transport_pull, *density_pull; /* memory, (networks, dim, units) */
    float *transport_cost, *density_cost;      /* (networks); are replaced */
};

/* Add the gradients of share · Σ strength · distance by positions, and α times that by weights. Returns 0, or 1 if there
   is no memory. */
static int add_transport(const struct batch *batch, const struct layer *layer)
{
    const long networks = batch->networks, dim = batch->dim, axis = batch->units, plane = dim * axis;
    const long sources = layer->sources, targets = layer->targets;
    /* With fewer networks than threads, each has its sources divided among some; what these pull at the targets is kept
       apart and added in order, so that the same threads give the same numbers. */
    const long parts = networks >= batch->threads ? 1 : (batch->threads + networks - 1) / networks;
    const long own = (dim + 1) * targets;
    float *memory = calloc(networks * parts * own, sizeof(float));
    if (!memory)
        return 1;
#pragma omp parallel for schedule(static) num_threads(batch->threads)
    for (long task = 0; task < networks * parts; task++) {
        const long n = task / parts, part = task % parts;
        const float *positions = batch->plane + n * plane;
        float *row = memory + task * own;
        transport_rows(sources * part / parts, sources * (part + 1) / parts, targets, dim, batch->squared,
                       batch->transport[n] * layer->transport_share, layer->transport_share,
                       layer->weight + n * sources * targets, layer->gradient + n * sources * targets,
                       positions + layer->source, positions + layer->target, axis,
                       batch->transport_pull + n * plane + layer->source, row + targets, targets, row);
    }
    for (long task = 0; task < networks * parts; task++)
        for (long k = 0; k < dim; k++)
            for (long j = 0; j < targets; j++)
                batch->transport_pull[task / parts * plane + k * axis + layer->target + j] +=
                    memory[task * own + (k + 1) * targets + j];
    free(memory);
    return 0;
}

/* Add the cost and the gradient of share · Σ exp(−distance) over all ordered pairs of a layer. Returns 0, or 1 if there is
   no memory. */
static int add_density(const struct batch *batch, const struct layer *layer)
{
    const long networks = batch->networks, dim = batch->dim, axis = batch->units, plane = dim * axis;
    const long units = layer->targets;
    const float share = layer->density_share;
    float *memory = malloc((networks * units + batch->threads * units) * sizeof(float));
    if (!memory)
        return 1;
    float *sums = memory + batch->threads * units;
#pragma omp parallel for schedule(static) num_threads(batch->threads)
    for (long task = 0; task < networks * units; task++) {
        const long n = task / units, i = task % units;
        const float *own = batch->plane + n * plane + layer->target;
        float *row = memory + omp_get_thread_num() * units;
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
            batch->density_pull[n * plane + layer->target + k * axis + i] -= 2 * share * force;
        }
    }
    for (long n = 0; n < networks; n++) {
        double sum = 0;
        for (long i = 0; i < units; i++)
            sum += sums[n * units + i];
        batch->density_cost[n] += share * (float)sum;
    }
    free(memory);
    return 0;
}

/* Lay the positions of a network out as a plane, and clear its pulls. */
static void lay_out(const struct batch *batch, long n)
{
    const long dim = batch->dim, units = batch->units;
    for (long k = 0; k < dim; k++)
        for (long i = 0; i < units; i++)
            batch->plane[(n * dim + k) * units + i] = batch->position[(n * units + i) * dim + k];
    memset(batch->transport_pull + n * dim * units, 0, dim * units * sizeof(float));
    memset(batch->density_pull + n * dim * units, 0, dim * units * sizeof(float));
}

/* Write the gradient by the positions of a network, and its transport cost: a cost that grows as all distances do is the
   sum of positions times its gradient (Euler's theorem), wherever the origin is. */
static void gather(const struct batch *batch, long n)
{
    const long dim = batch->dim, units = batch->units;
    double cost = 0;
    for (long k = 0; k < dim; k++) {
        const float *own = batch->plane + (n * dim + k) * units;
        const float *transport = batch->transport_pull + (n * dim + k) * units;
        const float *density = batch->density_pull + (n * dim + k) * units;
        double centre = 0;
        for (long i = 0; i < units; i++)
            centre += own[i];
        centre /= units;
        for (long i = 0; i < units; i++) {
            batch->gradient[(n * units + i) * dim + k] =
                batch->transport[n] * transport[i] + batch->density[n] * density[i];
            cost += (own[i] - centre) * transport[i];
        }
    }
    batch->transport_cost[n] = (float)cost;
}

/* Compute the costs and add their gradients. Returns 0, or 1 if there is no memory. */
int costs(const struct batch *batch, const struct layer *layers, long count)
{
    for (long n = 0; n < batch->networks; n++)
        lay_out(batch, n);
    memset(batch->density_cost, 0, batch->networks * sizeof(float));
    for (const struct layer *layer = layers; layer < layers + count; layer++)
        if (add_transport(batch, layer) || add_density(batch, layer))
            return 1;
    for (long n = 0; n < batch->networks; n++)
        gather(batch, n);
    return 0;
}

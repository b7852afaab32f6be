/* The climb of `moves.py`, which says what it computes and has it once more in Python. Nothing is rearranged and no
   multiplication is fused with an addition, so that Python gives the same numbers to the last bit.

   Arrays that end in `_room` are only worked in. */

#include <stdint.h>
#include <string.h>

/* What a climb works in, for a graph of so many nodes or of fewer: `moves.Rooms` says how large. */
struct rooms {
    double *volume, *linked, *inner, *strength, *graphs, *strengths;
    int64_t *number, *places, *levels;
};

/* A generator of NumPy: the address of its state, and its function that draws 32 bits. */
struct generator {
    void *state;
    uint32_t (*next)(void *state);
};

/* When moves end, see `moves.py`. */
struct settings {
    double resolution, sweep, climb, least;
};

/* Add each row of a matrix to the row of `sums` that its label says. */
void pool(int64_t rows, int64_t columns, const double *matrix, const int64_t *label, double *sums)
{
    for (int64_t i = 0; i < rows; i++) {
        const double *row = matrix + i * columns;
        double *sum = sums + label[i] * columns;
        for (int64_t j = 0; j < columns; j++)
            sum[j] += row[j];
    }
}

/* Number labels below `limit` from 0 without gaps, in their order; return how many there are. `number` says which number
   each label has become, -1 for those that nobody has. */
static int64_t numbered(int64_t nodes, int64_t limit, int64_t *label, int64_t *number)
{
    int64_t count = 0;
    memset(number, -1, limit * sizeof(int64_t));
    for (int64_t i = 0; i < nodes; i++)
        number[label[i]] = 0;
    for (int64_t c = 0; c < limit; c++)
        if (number[c] == 0)
            number[c] = count++;
    for (int64_t i = 0; i < nodes; i++)
        label[i] = number[label[i]];
    return count;
}

/* Let every node move once to the community where it adds most to the modularity; return the summed gains.

   With `many` communities, the strengths of a node to all of them are summed when it moves: a column of `linked` would
   be read from as many places. `linked` is then only worked in. */
static double sweep(int64_t nodes, int64_t communities, const double *graph, const double *strength,
                    const int64_t *order, double resolution, double least, int many, int64_t *label, double *volume,
                    double *linked)
{
    const int64_t stride = many ? 1 : nodes;
    double gained = 0;
    for (int64_t turn = 0; turn < nodes; turn++) {
        const int64_t i = order[turn], own = label[i];
        const double expected = resolution * strength[i], *of = graph + i * nodes;
        const double *to_community = many ? linked : linked + i;
        if (many) {
            memset(linked, 0, communities * sizeof(double));
            for (int64_t j = 0; j < nodes; j++)
                linked[label[j]] += of[j];
        }
        volume[own] -= strength[i];
        const double here = to_community[own * stride] - of[i] - expected * volume[own];
        double best = here + least;
        int64_t to = own;
        for (int64_t c = 0; c < communities; c++) {
            const double there = to_community[c * stride] - expected * volume[c];
            if (there > best && c != own) {
                best = there;
                to = c;
            }
        }
        volume[to] += strength[i];
        if (to == own)
            continue;
        label[i] = to;
        gained += best - here;
        if (many)
            continue;
        double *from = linked + own * nodes, *into = linked + to * nodes;
        for (int64_t j = 0; j < nodes; j++) {
            from[j] -= of[j];
            into[j] += of[j];
        }
    }
    return 2 * gained;
}

/* Return whether there are many communities for so many nodes: more than a quarter. */
static int are_many(int64_t communities, int64_t nodes)
{
    return 4 * communities > nodes;
}

/* Sweep until a sweep gains no more than `enough`; return the sum of all gains. Labels are numbered without gaps. */
static double settle(int64_t nodes, const double *graph, const double *strength, const int64_t *order, double resolution,
                     double enough, double least, int64_t *label, double *volume_room, double *linked_room,
                     int64_t *number_room)
{
    double *volume = volume_room, *linked = linked_room, total = 0, gained;
    int64_t communities = numbered(nodes, nodes, label, number_room) + 1; /* one is empty */
    int many = 1, summed = 0; /* whether `linked` holds the strengths between communities and nodes */
    memset(volume, 0, communities * sizeof(double));
    for (int64_t i = 0; i < nodes; i++)
        volume[label[i]] += strength[i];
    do {
        many = many && are_many(communities, nodes);
        if (!many && !summed) {
            memset(linked, 0, communities * nodes * sizeof(double));
            pool(nodes, nodes, graph, label, linked);
            summed = 1;
        }
        gained = sweep(nodes, communities, graph, strength, order, resolution, least, many, label, volume, linked);
        total += gained;
        const int64_t left = numbered(nodes, communities, label, number_room);
        for (int64_t c = 0; c < communities; c++) {
            const int64_t to = number_room[c];
            if (to >= 0 && to < c) {
                volume[to] = volume[c];
                if (summed)
                    memcpy(linked + to * nodes, linked + c * nodes, nodes * sizeof(double));
            }
        }
        volume[left] = 0;
        if (summed)
            memset(linked + left * nodes, 0, nodes * sizeof(double));
        communities = left + 1;
    } while (gained > enough);
    return total;
}

/* Number the connected pieces of communities by their first nodes; return how many there are. */
int64_t divide(int64_t nodes, const double *graph, const int64_t *label, int64_t *piece, int64_t *stack_room)
{
    int64_t count = 0;
    memset(piece, -1, nodes * sizeof(int64_t));
    for (int64_t first = 0; first < nodes; first++) {
        if (piece[first] >= 0)
            continue;
        int64_t height = 1;
        stack_room[0] = first;
        piece[first] = count;
        while (height) {
            const int64_t i = stack_room[--height];
            for (int64_t j = first; j < nodes; j++)
                if (piece[j] < 0 && label[j] == label[i] && graph[i * nodes + j] > 0) {
                    piece[j] = count;
                    stack_room[height++] = j;
                }
        }
        count++;
    }
    return count;
}

/* Settle the nodes of each community by themselves, from single ones on, and divide what is not connected; return how
   many parts there are. */
static int64_t refine(int64_t nodes, int64_t communities, const double *graph, const double *strength,
                      const int64_t *order, const struct settings *set, const int64_t *label, int64_t *part,
                      const struct rooms *rooms)
{
    int64_t *member = rooms->places, *place = member + nodes, *turn = place + nodes, *own = turn + nodes,
            *piece = own + nodes, *end = piece + nodes, count = 0;
    double *inner = rooms->inner;
    /* Members of each community, and their turns, lie together: those of community c end where `end[c]` says. */
    memset(end, 0, (communities + 1) * sizeof(int64_t));
    for (int64_t i = 0; i < nodes; i++)
        end[label[i] + 1]++;
    for (int64_t c = 0; c < communities; c++)
        end[c + 1] += end[c];
    for (int64_t t = 0; t < nodes; t++)
        turn[end[label[order[t]]]++] = order[t];
    for (int64_t c = communities; c > 0; c--)
        end[c] = end[c - 1];
    end[0] = 0;
    for (int64_t i = 0; i < nodes; i++)
        member[end[label[i]]++] = i;
    for (int64_t c = 0; c < communities; c++) {
        const int64_t first = c ? end[c - 1] : 0, size = end[c] - first;
        const int64_t *of = member + first;
        for (int64_t i = 0; i < size; i++) {
            place[of[i]] = own[i] = i;
            rooms->strength[i] = strength[of[i]];
            for (int64_t j = 0; j < size; j++)
                inner[i * size + j] = graph[of[i] * nodes + of[j]];
        }
        for (int64_t t = 0; t < size; t++)
            turn[first + t] = place[turn[first + t]];
        settle(size, inner, rooms->strength, turn + first, set->resolution, set->sweep, set->least, own, rooms->volume,
               rooms->linked, rooms->number);
        const int64_t pieces = divide(size, inner, own, piece, rooms->number);
        for (int64_t i = 0; i < size; i++)
            part[of[i]] = count + piece[i];
        count += pieces;
    }
    return count;
}

/* Draw an order of nodes, as NumPy's `Generator.permutation` does. */
void permute(int64_t nodes, const struct generator *draw, int64_t *order)
{
    for (int64_t i = 0; i < nodes; i++)
        order[i] = i;
    for (int64_t i = nodes - 1; i > 0; i--) {
        uint32_t bits = (uint32_t)i, j;
        for (int shift = 1; shift < 32; shift *= 2)
            bits |= bits >> shift;
        do
            j = draw->next(draw->state) & bits;
        while (j > i);
        const int64_t last = order[i];
        order[i] = order[j];
        order[j] = last;
    }
}

/* Add up the strengths between the parts, and of each part; `above` gets the label of each part. */
static void rise(int64_t nodes, int64_t parts, const double *graph, const double *strength, const int64_t *part,
                 const int64_t *label, double *linked_room, double *above_graph, double *above_strength, int64_t *above)
{
    memset(linked_room, 0, parts * nodes * sizeof(double));
    pool(nodes, nodes, graph, part, linked_room);
    memset(above_graph, 0, parts * parts * sizeof(double));
    memset(above_strength, 0, parts * sizeof(double));
    for (int64_t p = 0; p < parts; p++)
        for (int64_t j = 0; j < nodes; j++)
            above_graph[part[j] * parts + p] += linked_room[p * nodes + j];
    for (int64_t i = 0; i < nodes; i++) {
        above_strength[part[i]] += strength[i];
        above[part[i]] = label[i];
    }
}

/* Move nodes, then communities, then communities of communities; return what was gained. */
static double levels(int64_t nodes, const double *graph, const double *strength, const struct settings *set, int refined,
                     const struct generator *draw, int64_t *community, const struct rooms *rooms)
{
    const int64_t all = nodes;
    int64_t *node = rooms->levels, *label = node + all, *part = label + all, *above = part + all, *order = above + all;
    double total = 0;
    for (int64_t i = 0; i < all; i++) {
        node[i] = i;
        label[i] = community[i];
    }
    for (int odd = 0;; odd = !odd) {
        permute(nodes, draw, order);
        total += settle(nodes, graph, strength, order, set->resolution, set->sweep, set->least, label, rooms->volume,
                        rooms->linked, rooms->number);
        int64_t parts = 0;
        for (int64_t i = 0; i < nodes; i++)
            parts = label[i] >= parts ? label[i] + 1 : parts;
        if (refined) {
            permute(nodes, draw, order);
            parts = refine(nodes, parts, graph, strength, order, set, label, part, rooms);
        } else
            memcpy(part, label, nodes * sizeof(int64_t));
        if (parts == nodes)
            break;
        double *next = rooms->graphs + odd * all * all, *sums = rooms->strengths + odd * all;
        rise(nodes, parts, graph, strength, part, label, rooms->linked, next, sums, above);
        for (int64_t i = 0; i < all; i++)
            node[i] = part[node[i]];
        memcpy(label, above, parts * sizeof(int64_t));
        graph = next;
        strength = sums;
        nodes = parts;
    }
    for (int64_t i = 0; i < all; i++)
        community[i] = label[node[i]];
    return total;
}

/* Climb until nothing is gained; `community` holds what to begin with, and then what was found. */
void climb(int64_t nodes, const double *graph, const double *strength, const struct settings *set, int refined,
           const struct generator *draw, int64_t *community, const struct rooms *rooms)
{
    while (levels(nodes, graph, strength, set, refined, draw, community, rooms) > set->climb)
        ;
}

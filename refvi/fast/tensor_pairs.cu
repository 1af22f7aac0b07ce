// Sum of S_i T_j / prod_d (A_di + C_dj) over a block of rows and a run of columns, by tensor cores in doubles.
//
// Two factors are one inner product of rank four, (c1 + a1)(c2 + a2) = [1, a1, a2, a1 a2] . [c1 c2, c2, c1, 1], which is
// exactly one step of mma.m16n8k4: an instruction gives a pair of visibles for 16 x 8 states, and each state costs one
// multiplication for two visibles. All terms are positive, so that nothing cancels.
//
// Fragments (PTX ISA, matrix fragments of mma.m16n8k4 with .f64), with group = lane / 4, member = lane % 4:
//   rows     two numbers, entry `member` of rows group and group + 8
//   columns  one number, entry `member` of column group
//   result   four numbers, rows group, group, group + 8, group + 8 and columns 2 member, 2 member + 1 of each
//
// A warp owns 32 rows and walks over 32 columns at a time; lanes, then warps are summed in a fixed order.

#ifndef REFVI_HOST
__device__ __forceinline__ void pair_products(double (&c)[4], double row0, double row1, double column) {
  asm("mma.sync.aligned.m16n8k4.row.col.f64.f64.f64.f64 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %7, %7, %7};"
      : "=d"(c[0]), "=d"(c[1]), "=d"(c[2]), "=d"(c[3])
      : "d"(row0), "d"(row1), "d"(column), "d"(0.0));
}
#endif

__device__ __forceinline__ double ratios(const double (&s)[4], double p0, double p1, double p2, double p3, int sharing) {
  double n01 = s[0] * p1 + s[1] * p0, n23 = s[2] * p3 + s[3] * p2, p01 = p0 * p1, p23 = p2 * p3;
  return sharing == 4 ? (n01 * p23 + n23 * p01) / (p01 * p23) : n01 / p01 + n23 / p23;
}

// rows (I / 16, pairs, 32, 2) and columns (J / 8, pairs, 32) are fragments; sums (gridDim.x, gridDim.y).
// Block x takes the rows of its warps, 32 each; block y takes `run` columns, a multiple of 32.
extern "C" __global__ void __launch_bounds__(256)
tensor_pairs(const double* __restrict__ rows, const double* __restrict__ columns, const double* __restrict__ S,
             const double* __restrict__ T, int pairs, int run, int sharing, double* __restrict__ sums) {
  __shared__ double partial[8];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
  const int group = lane >> 2, member = lane & 3;
  const long long tile = 2 * ((long long)blockIdx.x * warps + warp);
  const double* row = rows + (tile * pairs * 32 + lane) * 2;
  const long long next = (long long)pairs * 64;  // from a tile of 16 rows to the next one
  double s[4], total = 0.0;
#pragma unroll
  for (int q = 0; q < 4; q++) s[q] = S[tile * 16 + 8 * q + group];

  for (int start = blockIdx.y * run; start < (int)(blockIdx.y + 1) * run; start += 32) {
    const double* column = columns + (long long)(start / 8) * pairs * 32 + lane;
    double product[2][4][4];
#pragma unroll
    for (int a = 0; a < 2; a++)
#pragma unroll
      for (int b = 0; b < 4; b++)
#pragma unroll
        for (int q = 0; q < 4; q++) product[a][b][q] = 1.0;
#pragma unroll 2
    for (int m = 0; m < pairs; m++) {
      const double2 upper = *(const double2*)(row + m * 64), lower = *(const double2*)(row + next + m * 64);
#pragma unroll
      for (int b = 0; b < 4; b++) {
        const double entry = column[((long long)b * pairs + m) * 32];
        double c[4];
        pair_products(c, upper.x, upper.y, entry);
#pragma unroll
        for (int q = 0; q < 4; q++) product[0][b][q] *= c[q];
        pair_products(c, lower.x, lower.y, entry);
#pragma unroll
        for (int q = 0; q < 4; q++) product[1][b][q] *= c[q];
      }
    }
#pragma unroll
    for (int b = 0; b < 4; b++)
#pragma unroll
      for (int q = 0; q < 2; q++)
        total += T[start + 8 * b + 2 * member + q] *
                 ratios(s, product[0][b][q], product[0][b][2 + q], product[1][b][q], product[1][b][2 + q], sharing);
  }

#pragma unroll
  for (int step = 16; step > 0; step /= 2) total += __shfl_down_sync(0xffffffffu, total, step);
  if (lane == 0) partial[warp] = total;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < warps; w++) total += partial[w];
    sums[(long long)blockIdx.x * gridDim.y + blockIdx.y] = total;
  }
}

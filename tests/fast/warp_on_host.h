// A block of CUDA threads on the processor: threads of the system that wait for one another where a warp or a block does.
#include <pthread.h>
#include <thread>
#include <vector>

#define REFVI_HOST
#define __global__
#define __device__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(n)
#define __restrict__

struct Place { int x, y; };
struct double2 { double x, y; };
static thread_local Place threadIdx;
static Place blockIdx, blockDim, gridDim;
static pthread_barrier_t whole, warp_barrier[8];
static double lane_row[8][32][2], lane_column[8][32], lane_value[8][32];

static void __syncthreads() { pthread_barrier_wait(&whole); }
static int my_warp() { return threadIdx.x / 32; }
static void wait_for_warp() { pthread_barrier_wait(&warp_barrier[my_warp()]); }

static double __shfl_down_sync(unsigned, double value, int step) {
  const int w = my_warp(), lane = threadIdx.x % 32;
  lane_value[w][lane] = value;
  wait_for_warp();
  const double found = lane + step < 32 ? lane_value[w][lane + step] : value;
  wait_for_warp();
  return found;
}

// The instruction by its definition: matrices are put together from the lanes and multiplied.
static void pair_products(double (&c)[4], double row0, double row1, double column) {
  const int w = my_warp(), lane = threadIdx.x % 32;
  lane_row[w][lane][0] = row0, lane_row[w][lane][1] = row1, lane_column[w][lane] = column;
  wait_for_warp();
  for (int q = 0; q < 4; q++) {
    const int i = lane / 4 + 8 * (q / 2), j = 2 * (lane % 4) + q % 2;
    c[q] = 0.0;
    for (int k = 0; k < 4; k++) c[q] += lane_row[w][4 * (i % 8) + k][i / 8] * lane_column[w][4 * j + k];
  }
  wait_for_warp();
}

#include "tensor_pairs.cu"

extern "C" void run_blocks(const double* rows, const double* columns, const double* S, const double* T, int pairs,
                           int run, int sharing, double* sums, int warps, int blocks, int runs) {
  blockDim = {32 * warps, 1}, gridDim = {blocks, runs};
  pthread_barrier_init(&whole, nullptr, 32 * warps);
  for (int w = 0; w < warps; w++) pthread_barrier_init(&warp_barrier[w], nullptr, 32);
  for (int y = 0; y < runs; y++)
    for (int x = 0; x < blocks; x++) {
      blockIdx = {x, y};
      std::vector<std::thread> threads;
      for (int t = 0; t < 32 * warps; t++)
        threads.emplace_back([=] {
          threadIdx = {t, 0};
          tensor_pairs(rows, columns, S, T, pairs, run, sharing, sums);
        });
      for (auto& thread : threads) thread.join();
    }
}

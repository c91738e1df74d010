// A product of two matrices that lie in shared memory: nothing of them is copied to a worker or back.
#include <drover/drover.hpp>

#include <cstddef>
#include <iostream>
#include <span>
#include <vector>

constexpr std::size_t kSize = 256;

// The kernel lets a worker write what it takes as span<double>, and only read what it takes as span<const
// double>.
void multiply_row(std::span<const double> row, std::span<const double> right, std::span<double> result) {
  for (std::size_t column = 0; column < kSize; ++column) {
    double sum = 0;
    for (std::size_t i = 0; i < kSize; ++i) sum += row[i] * right[i * kSize + column];
    result[column] = sum;
  }
}

int main(int argc, char** argv) {
  if (auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  drover::Coordinator coordinator;

  drover::SharedArray<double> left(kSize * kSize), right(kSize * kSize), result(kSize * kSize);  // zeros
  for (std::size_t row = 0; row < kSize; ++row)
    for (std::size_t column = 0; column < kSize; ++column) {
      left[row * kSize + column] = static_cast<double>(row + column);
      right[row * kSize + column] = row == column ? 2 : 0;  // twice the unit matrix
    }

  std::vector<drover::TaskHandle<void>> rows;
  for (std::size_t row = 0; row < kSize; ++row)
    rows.push_back(coordinator.submit<&multiply_row>(left.slice(row * kSize, kSize), right,
                                                     result.slice(row * kSize, kSize)));
  for (auto& row : rows) row.get();

  std::size_t right_ones = 0;
  for (std::size_t i = 0; i < result.size(); ++i) right_ones += result[i] == 2 * left[i];
  std::cout << right_ones << " of " << result.size() << " elements are right\n";
}

import { defineConfig } from 'vitest/config';

const common = { environment: 'node' as const, globals: false };

export default defineConfig({
  test: {
    projects: [
      {
        test: { ...common, name: 'unit', include: ['src/**/*.test.ts', 'test/docs/**/*.test.ts'], testTimeout: 20_000 },
      },
      {
        test: {
          ...common,
          name: 'integration',
          include: ['test/integration/**/*.int.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          poolOptions: { forks: { singleFork: true } },
        },
      },
      {
        test: {
          ...common,
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          poolOptions: { forks: { singleFork: true } },
        },
      },
    ],
  },
});

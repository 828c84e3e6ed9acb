DROP TABLE IF EXISTS passage_embeddings;
DROP TABLE passage_vectors;
DROP TABLE passages;
DROP TABLE documents;

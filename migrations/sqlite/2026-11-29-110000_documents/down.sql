DROP TABLE passage_vectors;
DROP TABLE passages;
DROP TABLE documents;
